package neda

import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.ApolloResponse
import com.apollographql.apollo.api.Operation
import com.apollographql.apollo.api.Subscription
import com.apollographql.apollo.api.http.HttpRequest
import com.apollographql.apollo.api.http.HttpResponse
import com.apollographql.apollo.exception.ApolloWebSocketClosedException
import com.apollographql.apollo.exception.SubscriptionOperationException
import com.apollographql.apollo.network.http.HttpInterceptor
import com.apollographql.apollo.network.http.HttpInterceptorChain
import com.apollographql.apollo.network.websocket.GraphQLWsProtocol
import com.apollographql.apollo.network.websocket.WebSocketEngine
import com.apollographql.apollo.network.websocket.WebSocketNetworkTransport
import java.util.concurrent.TimeUnit
import kotlin.random.Random
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import neda.api.SpeakerChangedSubscription
import okhttp3.OkHttpClient

/** An access token that is still good for a minute; refreshed before it is given, if need be. Null: nobody is signed in. */
fun interface Tokens {
  suspend fun accessToken(): String?
}

/** NEDA for one signed-in device. */
class NedaClient(url: String, private val tokens: Tokens) : AutoCloseable {
  /** OkHttp ends a socket whose pings are not answered: a watch that left the network would wait for minutes otherwise. */
  private val sockets = OkHttpClient.Builder().pingInterval(10, TimeUnit.SECONDS).build()

  private val socket = WebSocketNetworkTransport.Builder()
      .serverUrl("$url/graphql")
      .webSocketEngine(WebSocketEngine(sockets))
      // Without this payload the socket opens, and everything that is watched over it answers UNAUTHENTICATED.
      .wsProtocol(GraphQLWsProtocol { mapOf("authorization" to tokens.accessToken()?.let { "Bearer $it" }) })
      .build()

  /** Queries and mutations by POST, subscriptions over one WebSocket. */
  val apollo = ApolloClient.Builder()
      .httpServerUrl("$url/graphql")
      .addHttpInterceptor(Authorization())
      .subscriptionNetworkTransport(socket)
      .build()

  /** Everything over that socket: `renewConnection` counts for the connection that it comes over. */
  val overSocket = ApolloClient.Builder().networkTransport(socket).build()

  /** Who speaks in a group, while it is collected. After a cut it goes on behind the last event: none is missed and none told twice. */
  fun speakerChanges(groupId: String): Flow<SpeakerChangedSubscription.SpeakerChanged> =
      watch { after -> SpeakerChangedSubscription(groupId, after) to { data -> data.speakerChanged to data.speakerChanged.cursor } }

  /** Apollo's own retry would repeat the first `after`, so that events come twice: the next try begins with the last cursor. */
  private fun <D : Subscription.Data, Event : Any> watch(
      from: (after: String?) -> Pair<Subscription<D>, (D) -> Pair<Event, String>>,
  ): Flow<Event> = flow {
    var cursor: String? = null
    var attempts = 0
    while (true) {
      val (subscription, read) = from(cursor)
      apollo.subscription(subscription).toFlow().collect { response ->
        response.data?.let { data ->
          val (event, at) = read(data)
          cursor = at
          attempts = 0
          emit(event)
        }
        refusalOf(response)?.let { if (it in FINAL) throw NedaException(it) }
      }
      // Full jitter, so that all watches that lost an instance do not come back at once.
      delay(Random.nextLong(minOf(15_000L, 1_000L shl minOf(attempts++, 4))))
    }
  }

  private inner class Authorization : HttpInterceptor {
    override suspend fun intercept(request: HttpRequest, chain: HttpInterceptorChain): HttpResponse {
      val token = tokens.accessToken() ?: return chain.proceed(request)
      return chain.proceed(request.newBuilder().addHeader("authorization", "Bearer $token").build())
    }
  }

  override fun close() {
    apollo.close()
    overSocket.close()
    sockets.dispatcher.executorService.shutdown()
    sockets.connectionPool.evictAll()
  }
}

class NedaException(val code: String) : Exception(code)

/** What no second try changes. 4401: this device has been signed out; 4403, an access token that has run out, is not among them. */
private val FINAL = setOf("SESSION_REVOKED", "ACCESS_REVOKED", "GROUP_CLOSED", "NOT_FOUND", "FORBIDDEN", "4401", "4406")

/** The code with which an operation was refused, or with which its socket was closed. */
fun refusalOf(response: ApolloResponse<out Operation.Data>): String? {
  response.errors?.firstOrNull()?.let { return it.extensions?.get("code") as String? }
  return when (val exception = response.exception) {
    is ApolloWebSocketClosedException -> exception.code.toString()
    is SubscriptionOperationException -> codeIn(exception.payload)
    else -> null
  }
}

/** An error message of graphql-transport-ws is a list of GraphQL errors. */
private fun codeIn(payload: Any?): String? {
  val error = (payload as? List<*>)?.firstOrNull() as? Map<*, *>
  return (error?.get("extensions") as? Map<*, *>)?.get("code") as? String
}
