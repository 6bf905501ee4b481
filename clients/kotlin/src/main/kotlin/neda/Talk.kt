package neda

import com.apollographql.apollo.exception.ApolloNetworkException
import java.util.UUID
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.delay
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import neda.api.ReleaseTalkMutation
import neda.api.RenewTalkMutation
import neda.api.RequestTalkMutation
import neda.api.type.ReleaseTalkInput
import neda.api.type.RenewTalkInput
import neda.api.type.RequestTalkInput
import neda.api.type.TalkOutcome

/** Button down until the coroutine is cancelled, which is button up. `told` hears what became of the press; a return says that the burst is over. */
suspend fun NedaClient.talk(groupId: String, told: (RequestTalkMutation.RequestTalk) -> Unit) {
  val requestId = UUID.randomUUID().toString()
  try {
    val answer = press(groupId, requestId)
    told(answer)
    if (answer.outcome == TalkOutcome.GRANTED) renew(groupId, answer)
  } finally {
    // Safe to send whatever became of the press, also before it arrives.
    withContext(NonCancellable) { apollo.mutation(ReleaseTalkMutation(ReleaseTalkInput(groupId = groupId, requestId = requestId))).execute() }
  }
}

/** A lost answer is asked for again by the same requestId, which is granted at most once. */
private suspend fun NedaClient.press(groupId: String, requestId: String): RequestTalkMutation.RequestTalk {
  val pressed = TimeSource.Monotonic.markNow()
  while (true) {
    val response = apollo.mutation(RequestTalkMutation(RequestTalkInput(groupId = groupId, requestId = requestId))).execute()
    response.data?.let { return it.requestTalk }
    refusalOf(response)?.let { throw NedaException(it) }
    if (response.exception !is ApolloNetworkException || pressed.elapsedNow() > 3.seconds) throw response.exception ?: NedaException("INTERNAL_SERVER_ERROR")
    delay(200)
  }
}

/** Returns when the burst is over, or must be taken to be: nobody may believe to be heard when the lease may have run out. */
private suspend fun NedaClient.renew(groupId: String, granted: RequestTalkMutation.RequestTalk) {
  val burstId = granted.burst?.burstFields?.id ?: return
  val lease = (granted.leaseMs ?: return).milliseconds
  // From before the request was sent: the server counts from when it came.
  var goodUntil = TimeSource.Monotonic.markNow() + lease
  while (goodUntil.hasNotPassedNow()) {
    delay(granted.renewEveryMs?.toLong() ?: return)
    val sent = TimeSource.Monotonic.markNow()
    val response = withTimeoutOrNull(-goodUntil.elapsedNow()) {
      apollo.mutation(RenewTalkMutation(RenewTalkInput(burstId = burstId, groupId = groupId))).execute()
    }
    val renewal = response?.data?.renewTalk ?: continue
    if (!renewal.renewed) return
    goodUntil = sent + lease
  }
}
