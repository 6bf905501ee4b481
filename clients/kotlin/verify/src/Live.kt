@file:Suppress("DEPRECATION")

package neda.verify

import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.ApolloResponse
import com.apollographql.apollo.exception.ApolloWebSocketClosedException
import com.apollographql.apollo.network.http.HttpNetworkTransport
import com.apollographql.apollo.network.ws.SubscriptionWsProtocol
import com.apollographql.apollo.network.ws.WebSocketNetworkTransport
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import neda.NedaClient
import neda.NedaException
import neda.api.LoginMutation
import neda.api.MyGroupsQuery
import neda.api.RenewConnectionMutation
import neda.api.SpeakerChangedSubscription
import neda.api.type.LoginInput
import neda.api.type.RenewConnectionInput
import neda.api.type.SpeakerChangeKind
import neda.refusalOf
import neda.talk

/** What ../src does against a NEDA that runs, and what happens without the settings that docs/clients/android.md asks for. One line each. */
fun main(): Unit = runBlocking {
  val url = System.getProperty("neda.url")
  val token = signIn(url, System.getProperty("neda.username"), System.getProperty("neda.password"))
  withTimeout(90.seconds) {
    NedaClient(url) { token }.use { neda ->
      val groupId = neda.apollo.query(MyGroupsQuery(first = 1, after = null)).execute().dataOrThrow().groups.edges.first().node.groupFields.id
      talkWhileWatching(neda, groupId)
      println("renewConnection over the socket: ${renewed(neda, token)}")
      println("renewConnection by POST: ${renewedByPost(neda, token)}")
      println("a group that is none: ${refused { neda.speakerChanges("bm9uZQ==").first() }}")
      val watch = SpeakerChangedSubscription(groupId, after = null)
      println("Apollo's own default: ${refusalOf(default(url).subscription(watch).toFlow().first())}")
      println("the legacy protocol: ${closeCode(legacy(url).subscription(watch).toFlow().first())}")
      println("multipart over HTTP: ${multipart(url, token).subscription(watch).toFlow().first().saying()}")
    }
  }
  println("done")
  // Threads of OkHttp would keep the process for a minute.
  exitProcess(0)
}

private suspend fun signIn(url: String, username: String, password: String): String {
  val apollo = ApolloClient.Builder().httpServerUrl("$url/graphql").build()
  val answer = apollo.mutation(LoginMutation(LoginInput(username = username, password = password))).execute()
  return answer.dataOrThrow().login.accessToken ?: error("no token: ${answer.errors}")
}

/** Longer than the lease, so that it lasts only if it is renewed. */
private suspend fun talkWhileWatching(neda: NedaClient, groupId: String) = coroutineScope {
  var talking = launch { }
  val watching = launch {
    val told = neda.speakerChanges(groupId)
        .onEach { event ->
          if (event.kind == SpeakerChangeKind.SNAPSHOT) {
            talking = launch { neda.talk(groupId) { println("the press: ${it.outcome}, heard by ${it.listenerCount}") } }
            launch { delay(6.seconds).also { talking.cancel() } }
          }
        }
        .map { "${it.kind} ${it.previous?.burstFields?.endReason ?: ""}".trim() to it.kind }
        .takeWhile { (_, kind) -> kind != SpeakerChangeKind.IDLE }
        .toList()
    println("told: ${told.joinToString { it.first }}, then IDLE")
  }
  watching.join()
  talking.join()
  val last = neda.speakerChanges(groupId).first()
  println("afterwards: ${last.floor.floorFields.state}")
}

private suspend fun renewed(neda: NedaClient, token: String) =
    neda.overSocket.mutation(RenewConnectionMutation(RenewConnectionInput(token))).execute().let {
      if (it.data?.renewConnection?.expiresAt == null) refusalOf(it) else "kept"
    }

private suspend fun renewedByPost(neda: NedaClient, token: String) =
    refusalOf(neda.apollo.mutation(RenewConnectionMutation(RenewConnectionInput(token))).execute())

private suspend fun refused(operation: suspend () -> Unit): String =
    try {
      operation()
      "not refused"
    } catch (refusal: NedaException) {
      refusal.code
    }

/** The trap of version 5: the right protocol, and no sign-in. */
private fun default(url: String) = ApolloClient.Builder().serverUrl("$url/graphql").build()

/** The trap of versions 3 and 4, and of every option of version 5 that brings their transport back. */
private fun legacy(url: String) = ApolloClient.Builder()
    .httpServerUrl("$url/graphql")
    .subscriptionNetworkTransport(
        WebSocketNetworkTransport.Builder().serverUrl("$url/graphql").protocol(SubscriptionWsProtocol.Factory()).build(),
    )
    .build()

private fun multipart(url: String, token: String): ApolloClient {
  val http = HttpNetworkTransport.Builder().serverUrl("$url/graphql").build()
  return ApolloClient.Builder().networkTransport(http).subscriptionNetworkTransport(http).addHttpHeader("authorization", "Bearer $token").build()
}

private fun ApolloResponse<SpeakerChangedSubscription.Data>.saying() = data?.speakerChanged?.kind?.name ?: refusalOf(this) ?: exception.toString()

/** That transport wraps the reason. */
private fun closeCode(response: ApolloResponse<*>) = (response.exception?.cause as? ApolloWebSocketClosedException)?.code
