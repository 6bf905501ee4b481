import Apollo
import ApolloAPI
import Foundation
import NedaAPI

/// An access token that is still good for a minute; refreshed before it is given, if need be. Nil: nobody is signed in.
public protocol Tokens: Sendable {
  func accessToken() async throws -> String?
}

public struct NedaError: Error {
  public let code: String
}

/// NEDA for one signed-in device, by HTTP alone: that is what every Apple device has at any time, the watch included.
public final class NedaClient: Sendable {
  public let apollo: ApolloClient

  /// What no second try changes.
  private static let final: Set<String> = ["SESSION_REVOKED", "ACCESS_REVOKED", "GROUP_CLOSED", "NOT_FOUND", "FORBIDDEN"]

  public init(url: URL, tokens: any Tokens) {
    let configuration = URLSessionConfiguration.ephemeral
    // Between two packets, not in all: twice the longest silence of a stream that is alive, so a dead one ends by itself.
    configuration.timeoutIntervalForRequest = 65
    let store = ApolloStore()
    // This transport subscribes by multipart/mixed;subscriptionSpec=1.0.
    let transport = RequestChainNetworkTransport(
      urlSession: URLSession(configuration: configuration),
      interceptorProvider: SignedIn(tokens: tokens),
      store: store,
      endpointURL: url.appendingPathComponent("graphql")
    )
    apollo = ApolloClient(networkTransport: transport, store: store)
  }

  /// Who speaks in a group. After a cut it goes on behind the last event: none is missed and none told twice.
  public func speakerChanges(groupId: ID) -> AsyncThrowingStream<SpeakerChangedSubscription.Data.SpeakerChanged, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        var cursor: GraphQLNullable<EventCursor> = nil
        var attempts = 0
        while !Task.isCancelled {
          do {
            let watched = try apollo.subscribe(
              subscription: SpeakerChangedSubscription(groupId: groupId, after: cursor),
              cachePolicy: .networkOnly
            )
            for try await response in watched {
              if let event = response.data?.speakerChanged {
                cursor = .some(event.cursor)
                attempts = 0
                continuation.yield(event)
              }
              if let code = response.errors?.first?.extensions?["code"] as? String, Self.final.contains(code) {
                return continuation.finish(throwing: NedaError(code: code))
              }
            }
          } catch {
            // The network, an instance that stops, a token that has run out: the next try asks for a new token.
          }
          // Full jitter, so that all watches that lost an instance do not come back at once.
          let longest = min(15.0, pow(2.0, Double(attempts)))
          attempts += 1
          try? await Task.sleep(nanoseconds: UInt64(Double.random(in: 0..<longest) * 1_000_000_000))
        }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }
}

/// Apollo's response code interceptor is left out: a refusal's code stands in the body, whatever the status.
private struct SignedIn: InterceptorProvider {
  let tokens: any Tokens

  func httpInterceptors<Operation: GraphQLOperation>(for operation: Operation) -> [any HTTPInterceptor] {
    [Authorization(tokens: tokens)]
  }
}

private struct Authorization: HTTPInterceptor {
  let tokens: any Tokens

  func intercept(request: URLRequest, next: NextHTTPInterceptorFunction) async throws -> HTTPResponse {
    var request = request
    if let token = try await tokens.accessToken() {
      request.setValue("Bearer \(token)", forHTTPHeaderField: "authorization")
    }
    return try await next(request)
  }
}
