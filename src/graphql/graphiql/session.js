// Signs this window in: keeps the token that a login brings until the window closes, and sends it along unless the Headers editor sets one.
const TOKEN = 'neda:accessToken'
const SIGNED_OUT = ['UNAUTHENTICATED', 'SESSION_REVOKED']
const [who, signOut] = document.querySelectorAll('#session span, #session button')
const send = window.fetch

window.fetch = async (...asked) => {
  const request = new Request(...asked)
  const token = request.headers.has('authorization') ? null : sessionStorage.getItem(TOKEN)
  if (token) request.headers.set('authorization', `Bearer ${token}`)
  const response = await send(request)
  if (response.headers.get('content-type')?.includes('json')) learn(await response.clone().json(), token)
  return response
}

function learn({ data, errors }, token) {
  const fresh = data?.login?.accessToken
  if (fresh) sessionStorage.setItem(TOKEN, fresh)
  if (fresh) return void say()
  const ended = errors?.some(({ extensions }) => SIGNED_OUT.includes(extensions?.code))
  if (ended && token !== null && token === sessionStorage.getItem(TOKEN)) forget('The sign-in has ended: sign in again.')
}

function forget(why) {
  sessionStorage.removeItem(TOKEN)
  void say(why)
}

async function say(why = 'Not signed in: run the first tab.') {
  const signedIn = sessionStorage.getItem(TOKEN) !== null
  signOut.hidden = !signedIn
  if (!signedIn) return void (who.textContent = why)
  const body = JSON.stringify({ query: '{ me { username } }' })
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  const { data } = await (await fetch(config.graphiql.endpoint, { method: 'POST', headers, body })).json()
  if (data) who.textContent = `Signed in as ${data.me.username}`
}

signOut.addEventListener('click', () => forget())
void say()
