/** What the tabs are prefilled with: the demo's where there is one, else blanks. */
export interface Prefill {
  readonly password: string | null
  readonly groupId: string | null
}

interface Tab {
  readonly query: string
  readonly variables: string
}

/** Of whoever is made in the demo, where the demo's own password opens nothing. */
const NEWCOMERS_PASSWORD = 'hold the button down'

/** The README's walk, one tab a step. A visitor who changes them keeps the changed ones. */
export function walk({ password, groupId }: Prefill): Tab[] {
  const person = (username: string) => (password === null ? { username: '', password: '' } : { username, password })
  const group = { groupId: groupId ?? '' }
  return [
    tab(SIGN_IN, person('admin')),
    tab(MY_GROUPS, {}),
    tab(
      CREATE_USER,
      password === null ? { ...person(''), displayName: '' } : { username: 'dora', password: NEWCOMERS_PASSWORD, displayName: 'Dora' },
    ),
    tab(ADD_GROUP_MEMBER, { ...group, userId: '' }),
    tab(LISTEN, group),
    tab(SIGN_IN_AS_MEMBER, person('ben')),
    tab(PRESS, { ...group, requestId: 'press-1' }),
  ]
}

const tab = (query: string, variables: object): Tab => ({ query, variables: JSON.stringify(variables, null, 2) })

// Lines of at most 48 characters are not wrapped in a window of 1280 pixels.

const LOGIN = /* GraphQL */ `(
  $username: String!
  $password: String!
) {
  login(
    input: {
      username: $username
      password: $password
      deviceName: "GraphiQL"
    }
  ) {
    accessToken
    accessTokenExpiresAt
    user {
      username
      displayName
      systemRole
    }
  }
}
`

const SIGN_IN = /* GraphQL */ `# 1. Sign in: Ctrl-Enter, or the play button.
# This window keeps the token and sends it on.
mutation SignIn${LOGIN}`

const MY_GROUPS = /* GraphQL */ `# 2. The groups you may see: an admin sees all.
query MyGroups {
  groups {
    edges {
      node {
        id
        name
        floor {
          state
        }
        manager {
          user {
            displayName
          }
        }
        members {
          edges {
            node {
              user {
                username
              }
            }
          }
        }
      }
    }
  }
}
`

const CREATE_USER = /* GraphQL */ `# 3. Create a person (admins only), and copy the
# id from the answer: the next tab needs it.
mutation CreateUser(
  $username: String!
  $displayName: String!
  $password: String!
) {
  createUser(
    input: {
      username: $username
      displayName: $displayName
      password: $password
    }
  ) {
    user {
      id
      username
      displayName
    }
    userErrors {
      code
      message
    }
  }
}
`

const ADD_GROUP_MEMBER = /* GraphQL */ `# 4. Take the person into the group:
# paste the id from step 3 as userId below.
mutation AddGroupMember(
  $groupId: ID!
  $userId: ID!
) {
  addGroupMember(
    input: { groupId: $groupId, userId: $userId }
  ) {
    member {
      role
      canTalk
      user {
        displayName
      }
    }
    userErrors {
      code
      message
    }
  }
}
`

const LISTEN = /* GraphQL */ `# 5. See live who talks: start it, let it run.
# Leaving this tab stops it, so take steps 6
# and 7 in a second window: the link is below.
subscription Listen($groupId: ID!) {
  speakerChanged(groupId: $groupId) {
    kind
    floor {
      state
      burst {
        startedAt
        speaker {
          displayName
        }
      }
    }
    previous {
      durationMs
      endReason
    }
  }
}
`

const SIGN_IN_AS_MEMBER = /* GraphQL */ `# 6. In the second window, sign in as a member:
# nobody else may talk, not even an admin.
mutation SignInAsMember${LOGIN}`

const PRESS = /* GraphQL */ `# 7. Press is button down, Release is button up:
# the play button offers both. Watch the first
# window. A device renews its burst as it talks;
# this one is not renewed and ends after leaseMs.
# The next press takes a new requestId.
mutation Press($groupId: ID!, $requestId: ID!) {
  requestTalk(
    input: {
      groupId: $groupId
      requestId: $requestId
    }
  ) {
    outcome
    denyReason
    leaseMs
    floor {
      state
      burst {
        speaker {
          displayName
        }
      }
    }
  }
}

mutation Release($groupId: ID!, $requestId: ID!) {
  releaseTalk(
    input: {
      groupId: $groupId
      requestId: $requestId
    }
  ) {
    released
    floor {
      state
    }
  }
}
`
