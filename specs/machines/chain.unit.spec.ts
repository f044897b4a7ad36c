import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Steps } from '../../actors/chain/steps.ts'
import { type ChainContext, chain as chainActor } from '../../actors/chain.ts'
import { defaultTerms } from '../../actors/job.ts'
import type { Snapshot } from '../../src/document.ts'
import type { ActorEvent } from '../../src/envelope.ts'
import { type Action, transition } from '../../src/machine.ts'
import { isPlain } from '../../src/walk.ts'

const self = 'chain:E/2026-11-23/main'
const job = (name: string, after: string[] = [], more: object = {}) => ({
  after,
  when: 'all-succeeded' as const,
  work: { job: name, terms: defaultTerms, input: { value: {} }, ...more },
})
/** load → post, and audit beside them; tidy when all have finished. */
const steps: Steps = {
  load: job('load'),
  audit: job('audit'),
  post: job('post', ['load'], { input: undefined, maker: { job: 'E.input', terms: defaultTerms } }),
  tidy: { ...job('tidy', ['post', 'audit']), when: 'all-finished' },
}

function actor(given: Steps | 'declared' = steps) {
  let snapshot: Snapshot | undefined
  const sent: { to: string; event: ActorEvent }[] = []
  let refused: string | undefined
  const read: { page: string; event: ActorEvent }[] = []
  /** The code that it is refused with. */
  function send(event: ActorEvent): string | undefined {
    refused = undefined
    const { snapshot: next, actions } = transition(chainActor.machine, snapshot, { ...event, at: 1, self })
    snapshot = JSON.parse(JSON.stringify(next))
    actions.forEach(perform)
    return refused
  }
  function perform({ type, params }: Action): void {
    if (!params) return
    const p = params as { effects: Action[]; to: string; event: ActorEvent; page: string; code: string }
    if (type === 'emit') p.effects.forEach(perform)
    else if (type === 'send') sent.push(p)
    else if (type === 'read') read.push(p)
    else if (type === 'reject') refused = p.code
  }
  return {
    send,
    read,
    start: (round = 1) =>
      send({
        type: 'start',
        plan: 'plan:z/2026-11-23',
        key: 'E/main',
        round,
        ...(given !== 'declared' && { steps: given }),
      }),
    /** `ended` as the job that was asked for it would say. */
    end: (key: string, state = 'succeeded', more: object = {}) => {
      const name = key.replace('/input', '')
      const { round } = (snapshot!.context as ChainContext).progress[name]!
      send({ type: 'ended', key, round, state, ...more })
    },
    take: () => sent.splice(0).map(({ to, event }) => `${event.type} ${to.replace(/E\/2026-11-23\/main/, '…')}`),
    sent,
    bury: () => {
      snapshot = chainActor.tombstone!(snapshot!, 2)
    },
    get state() {
      return chainActor.view(snapshot!).state
    },
    why: () => chainActor.why(snapshot!, 1),
  }
}
const told = 'ended plan:z/2026-11-23'
const failedBy = (round: number) => ({ type: 'ended', key: 'E/main', round, state: 'failed', error: 'it was removed by retention' })

const chains = suite('a chain: its steps, each when those before it have ended: C2 C9 C12')
chains('is walked, not interpreted', () => assert.ok(isPlain(chainActor.machine)))

chains('runs its graph, and makes inputs of outputs', () => {
  const c = actor()
  c.start()
  assert.equal(c.take(), ['submit job:…/load', 'submit job:…/audit'])
  assert.equal(
    c.why().map(({ message }) => message),
    ['step load: job:E/2026-11-23/main/load has not ended', 'step audit: job:E/2026-11-23/main/audit has not ended'],
  )
  c.end('load')
  const [making] = c.sent
  assert.equal(making!.event.input, { value: { chain: self, step: 'post', steps: { load: 'job:E/2026-11-23/main/load' } } })
  assert.equal(c.take(), ['submit job:…/input/post'])
  c.end('post/input', 'succeeded', { output: { value: { rows: 3 } } })
  assert.equal(c.sent[0]!.event.input, { value: { rows: 3 } })
  assert.equal(c.take(), ['submit job:…/post'])
  c.end('audit')
  c.end('post')
  assert.equal(c.take(), ['submit job:…/tidy'])
  c.end('tidy')
  assert.equal(c.sent.at(-1)!.event, { type: 'ended', key: 'E/main', round: 1, state: 'succeeded' })
  assert.is(c.state, 'succeeded')
})
chains('a failed step: what does not depend on it goes on, and then the chain has failed', () => {
  const c = actor()
  c.start()
  c.take()
  c.end('load', 'failed')
  assert.is(c.state, 'running')
  assert.equal(c.take(), [], 'audit runs still')
  c.end('audit')
  assert.equal(c.take(), ['submit job:…/tidy'], 'post never will run, so all before tidy have finished')
  c.end('tidy')
  assert.equal(c.take(), [told])
  assert.is(c.state, 'failed')
  assert.equal(c.why()[0], { code: 'STEP_FAILED', message: 'step load failed (restart it, or remove it from its plan)', stuck: true })
})
chains('a step that somebody cancelled is named as that', () => {
  const c = actor()
  c.start()
  c.end('load', 'cancelled')
  c.end('audit', 'failed')
  c.end('tidy')
  assert.is(c.why()[0]!.message, 'step load was cancelled; step audit failed (restart it, or remove it from its plan)')
})
chains('another plan that means the same instance neither starts nor cancels it, and is told', () => {
  const other = { plan: 'plan:y/2026-11-23', key: 'E/main' }
  const taken = { to: other.plan, event: { type: 'ended', key: 'E/main', round: 2, state: 'failed', taken: true } }
  const c = actor()
  c.start()
  c.sent.splice(0)
  c.send({ type: 'start', ...other, round: 2 })
  assert.equal(c.sent.splice(0), [taken])
  c.send({ type: 'cancel', reason: `taken out of ${other.plan}`, plan: other.plan })
  assert.is(c.state, 'running')
  c.send({ type: 'cancel', reason: 'taken out of plan:z/2026-11-23', plan: 'plan:z/2026-11-23' })
  assert.is(c.state, 'cancelling')
  c.end('load', 'cancelled')
  c.end('audit', 'cancelled')
  assert.is(c.state, 'cancelled')
  c.sent.splice(0)
  c.send({ type: 'start', ...other, round: 2 })
  assert.equal(c.sent.splice(0), [taken])
  assert.is(c.state, 'cancelled')
})
chains('one that was started by hand is not a plan’s', () => {
  const c = actor()
  c.send({ type: 'start', steps })
  c.sent.splice(0)
  c.start()
  assert.equal(c.sent.splice(0), [
    { to: 'plan:z/2026-11-23', event: { type: 'ended', key: 'E/main', round: 1, state: 'failed', taken: true } },
  ])
})
chains('restarted from the failed step: the same job, what was behind it anew, and nothing else', () => {
  const c = actor()
  c.start()
  c.end('load', 'failed')
  c.end('audit')
  c.end('tidy')
  c.take()
  c.start(2)
  assert.equal(c.take(), ['again job:…/load'])
  c.send({ type: 'ended', key: 'load', round: 0, state: 'failed' })
  assert.is(c.state, 'running', 'the end of its first round, told late')
  c.end('load')
  assert.equal(c.take(), ['submit job:…/input/post'])
  c.end('post/input')
  c.end('post')
  assert.equal(c.take(), ['submit job:…/post', 'submit job:…/2/tidy'])
  c.end('tidy')
  assert.equal(c.sent.at(-1)!.event, { type: 'ended', key: 'E/main', round: 2, state: 'succeeded' })
})
chains('a step whose input was made, and that failed, is the same job again', () => {
  const c = actor()
  c.start()
  for (const key of ['load', 'audit', 'post/input']) c.end(key)
  c.end('post', 'failed')
  c.end('tidy')
  c.take()
  c.start(2)
  assert.equal(c.take(), ['again job:…/post'])
})
chains('cancelled: what runs is told, nothing begins, and it ends when nothing is under way', () => {
  const c = actor()
  c.start()
  c.take()
  c.send({ type: 'cancel' })
  assert.equal(c.take(), ['cancel job:…/load', 'cancel job:…/audit'])
  assert.is(c.state, 'cancelling')
  c.end('load')
  assert.not(c.take().some((line) => line.startsWith('submit')))
  c.end('audit', 'cancelled')
  assert.is(c.take().at(-1), told)
  assert.is(c.state, 'cancelled')
  c.start(2)
  assert.equal(c.take(), ['again job:…/audit', 'submit job:…/input/post'], 'back in the plan: from where it was')
})
chains('cancelled while an input is made: its job never begins, and a restart makes the input anew', () => {
  const c = actor()
  c.start()
  c.end('load')
  c.take()
  c.send({ type: 'cancel' })
  assert.equal(c.take(), ['cancel job:…/audit', 'cancel job:…/input/post'])
  c.send({ type: 'cancel' })
  assert.equal(c.take(), [], 'said twice it changes nothing')
  c.end('audit')
  c.take()
  c.end('post/input', 'succeeded', { output: { value: { rows: 3 } } })
  assert.equal(c.take(), [told])
  assert.is(c.state, 'cancelled')
  c.start(2)
  assert.equal(c.take(), ['submit job:…/2/input/post'])
  c.end('post/input', 'succeeded', { output: { value: { rows: 3 } } })
  assert.equal(c.take(), ['submit job:…/2/post'])
})
chains('what an earlier job of a step has said is not the end of the job that is in its place', () => {
  const c = actor()
  c.start()
  c.send({ type: 'cancel' })
  c.end('load')
  c.end('audit', 'cancelled')
  c.start(2)
  c.take()
  c.send({ type: 'ended', key: 'audit', round: 0, state: 'cancelled' })
  assert.is(c.why().length, 2, 'audit and the input of post are under way')
  c.end('post/input', 'failed')
  c.end('audit')
  c.end('tidy')
  c.start(3)
  c.take()
  c.send({ type: 'ended', key: 'post/input', round: 0, state: 'failed' })
  c.send({ type: 'ended', key: 'tidy', round: 0, state: 'succeeded' })
  assert.equal(
    c.why().map(({ on }) => on),
    ['job:E/2026-11-23/main/2/input/post'],
  )
  c.end('post/input')
  c.end('post')
  c.end('tidy')
  assert.is(c.state, 'succeeded')
  assert.ok(c.take().includes('submit job:…/2/tidy'))
})
chains('cancelled too late: all steps have succeeded', () => {
  const c = actor({ load: job('load') })
  c.start()
  c.send({ type: 'cancel' })
  c.end('load')
  assert.is(c.state, 'succeeded')
})
chains('a repeated start of the same round changes nothing', () => {
  const c = actor()
  c.start()
  c.take()
  c.start()
  assert.equal(c.take(), [])
  c.end('load', 'failed')
  c.end('audit')
  c.end('tidy')
  c.take()
  c.start()
  assert.equal(c.take(), [])
  assert.is(c.state, 'failed')
})
chains('its steps are what its code declares when it starts', () => {
  const c = actor('declared')
  c.start()
  assert.is(c.state, 'loading')
  assert.equal(c.read, [{ page: 'chain.E', event: { type: 'steps' } }])
  c.send({ type: 'steps', body: steps })
  assert.equal(c.take(), ['submit job:…/load', 'submit job:…/audit'])
})
chains('one that nobody has declared has failed, says so, and can be restarted', () => {
  const c = actor('declared')
  c.start()
  c.send({ type: 'steps' })
  assert.equal(c.take(), [told])
  assert.is(c.why()[0]!.code, 'NOT_DECLARED')
  c.start(2)
  assert.is(c.state, 'loading')
  c.send({ type: 'steps', body: steps })
  assert.equal(c.take(), ['submit job:…/load', 'submit job:…/audit'])
})
const prints = { after: [], when: 'all-succeeded', work: { group: true, maker: { job: 'E.input', terms: defaultTerms } } } as const
chains('a group is a step: a job submits it, it is followed, and its end is the step’s', () => {
  const c = actor({ print: prints, mail: job('mail', ['print']) })
  c.start()
  assert.equal(c.sent[0]!.event.input, { value: { chain: self, step: 'print', steps: {}, group: 'group:E/2026-11-23/main/print' } })
  assert.equal(c.take(), ['submit job:…/input/print'])
  c.end('print/input')
  assert.equal(c.take(), ['follow group:…/print'])
  c.send({ type: 'predecessorEnded', of: 'group:E/2026-11-23/main/print', state: 'succeeded' })
  c.send({ type: 'predecessorEnded', of: 'group:E/2026-11-23/main/print', state: 'failed' })
  assert.equal(c.take(), ['submit job:…/mail'])
})
chains('an output that is run again by hand: the end of it counts, not one of before that is heard again', () => {
  const of = 'group:E/2026-11-23/main/print'
  const failed = { type: 'predecessorEnded', of, state: 'failed', error: 'its output failed: no paper' }
  const c = actor({ print: prints })
  c.start()
  c.end('print/input')
  c.send(failed)
  c.take()
  c.send({ type: 'retryOutput', of, round: 0 })
  assert.equal(c.sent[0]!.event, { type: 'retry', key: 'output', index: -1, round: 0, allowed: true })
  assert.equal(c.take(), ['retry group:…/print'])
  c.send(failed)
  c.start(2)
  c.send(failed)
  assert.equal([c.state, c.take()], ['running', []], 'it runs, and there is no other group')
  c.send({ ...failed, round: 1 })
  assert.is(c.state, 'failed')
  c.start(3)
  c.send({ type: 'retryOutput', of, round: 1 })
  assert.equal(c.take(), [told, 'submit job:…/2/input/print', 'notAgain job:…/print/output'], 'the group was made anew')
})
chains('an output that is run again by hand is cancelled with its chain, or where a restart needs the group anew', () => {
  const of = 'group:E/2026-11-23/main/print'
  const again = () => {
    const c = actor({ load: job('load'), print: { ...prints, after: ['load'], when: 'all-finished' }, audit: job('audit') })
    c.start()
    c.end('load', 'failed')
    c.end('print/input')
    c.send({ type: 'predecessorEnded', of, state: 'failed' })
    c.send({ type: 'retryOutput', of, round: 0 })
    c.take()
    return c
  }
  const c = again()
  c.send({ type: 'cancel' })
  assert.equal(c.take(), ['cancel group:…/print', 'cancel job:…/audit'])
  const d = again()
  d.end('audit')
  d.start(2)
  assert.equal(d.take(), [told, 'again job:…/load', 'cancel group:…/print'])
  d.end('load')
  assert.equal(d.take(), [], 'two of them would be at work at once')
  d.send({ type: 'predecessorEnded', of, state: 'cancelled', round: 1 })
  assert.equal(d.take(), ['submit job:…/2/input/print'])
  const e = again()
  e.end('audit')
  e.start(2)
  e.send({ type: 'cancel' })
  e.end('load')
  e.take()
  e.send({ type: 'predecessorEnded', of, state: 'cancelled', round: 1 })
  assert.equal([e.state, e.take()], ['cancelled', [told]], 'cancelled meanwhile, it is not made anew')
  e.start(3)
  assert.equal(e.take(), ['submit job:…/2/input/print'])
})
chains('what was submitted of a group by a job that failed is cancelled, and a restart makes another', () => {
  const c = actor({ print: prints })
  c.start()
  c.take()
  c.end('print/input', 'failed')
  assert.equal(c.take(), ['follow group:…/print', 'cancel group:…/print'])
  assert.is(c.state, 'running', 'it may have succeeded before')
  c.send({ type: 'predecessorEnded', of: 'group:E/2026-11-23/main/print', state: 'cancelled' })
  assert.equal(c.take(), [told])
  assert.is(c.state, 'failed')
  c.start(2)
  assert.equal(c.take(), ['submit job:…/2/input/print'])
  c.send({ type: 'predecessorEnded', of: 'group:E/2026-11-23/main/print', state: 'cancelled' })
  assert.is(c.state, 'running', 'that is another group')
})
for (const [words, state] of [
  ['has just submitted all of it', 'succeeded'],
  ['ends as it is told', 'cancelled'],
  ['is refused the rest', 'failed'],
] as const)
  chains(`cancelled while a group is submitted: it is told at once, and waited for, though the job that submits it ${words}`, () => {
    const groupEnded = { type: 'predecessorEnded', of: 'group:E/2026-11-23/main/print', state: 'cancelled' }
    const c = actor({ print: prints })
    c.start()
    c.take()
    c.send({ type: 'cancel' })
    assert.equal(c.sent[2]!.event, { type: 'cancel', reason: `${self} was cancelled`, chain: self })
    assert.equal(c.take(), ['cancel job:…/input/print', 'follow group:…/print', 'cancel group:…/print'])
    c.send(groupEnded)
    assert.is(c.state, 'cancelling', 'the job is under way')
    c.take()
    c.end('print/input', state)
    assert.ok(c.take().includes('follow group:…/print'), 'it tells again how it ended')
    assert.is(c.state, 'cancelling')
    c.send(groupEnded)
    assert.is(c.state, 'cancelled')
    c.start(2)
    assert.ok(c.take().includes('submit job:…/2/input/print'))
    c.send(groupEnded)
    assert.is(c.state, 'running')
  })
chains('a group that was submitted whole, by a job that then failed, may succeed', () => {
  const c = actor({ print: prints, mail: job('mail', ['print']) })
  c.start()
  c.end('print/input', 'failed')
  c.take()
  c.send({ type: 'predecessorEnded', of: 'group:E/2026-11-23/main/print', state: 'succeeded' })
  assert.equal(c.take(), ['submit job:…/mail'])
})
chains('by hand: the same input is the same start, another is refused, and so is a restart of what has not failed', () => {
  const c = actor('declared')
  c.send({ type: 'start', input: { value: { of: 'May' } } })
  c.send({ type: 'steps', body: { load: job('load') } })
  assert.is(c.send({ type: 'start', input: { value: { of: 'May' } } }), undefined)
  assert.is(c.send({ type: 'start', input: { value: { of: 'June' } } }), 'CONFLICT')
  assert.is(c.send({ type: 'restart' }), 'NOT_ALLOWED')
  c.take()
  c.end('load', 'failed')
  assert.is(c.state, 'failed')
  assert.is(c.send({ type: 'restart' }), undefined)
  assert.equal(c.take(), ['again job:…/load'])
})
chains('in a plan it is the plan that restarts it', () => {
  const c = actor({ load: job('load') })
  c.start()
  c.end('load', 'failed')
  c.take()
  c.send({ type: 'restart' })
  assert.equal(c.sent[0]!.event, { type: 'restart', target: 'E/main' })
  assert.equal(c.take(), ['restart plan:z/2026-11-23'])
})
chains('removed by retention it answers for its id', () => {
  const c = actor({ load: job('load') })
  c.start()
  c.end('load', 'failed')
  c.bury()
  assert.is(c.state, 'failed')
  c.take()
  c.start(2)
  assert.is(c.state, 'failed')
  assert.is(c.send({ type: 'restart' }), 'NOT_ALLOWED')
  assert.equal([...c.take(), ...c.read], [told], 'its plan learns that it cannot go on')
})
chains('a later round of one that is not there any more, nor its tombstone, says that it cannot start, and so does each after it', () => {
  for (const c of [actor(), actor('declared')])
    for (const round of [2, 2, 3]) {
      c.start(round)
      assert.is(c.state, 'failed')
      assert.equal([...c.sent, ...c.read], [{ to: 'plan:z/2026-11-23', event: failedBy(round) }])
      c.take()
      assert.is(c.send({ type: 'restart' }), 'NOT_ALLOWED')
    }
})
chains('an operator’s retry of one job is refused: the chain is restarted', () => {
  const c = actor()
  c.start()
  c.end('load', 'failed')
  c.take()
  c.send({ type: 'retry', key: 'load' })
  assert.is(c.sent[0]!.event.message, 'it is a step of chain:E/2026-11-23/main: restart that')
})
chains.run()
