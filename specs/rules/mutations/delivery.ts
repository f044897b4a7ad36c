import { apply, commit, dueTimes, partition, turn } from './files.ts'
import { type Mutation, off } from './mutation.ts'

const send = 'src/host/turn/send.ts'

/** Events: from the stream to the stream. */
export const delivery: readonly Mutation[] = [
  off(
    'G1 what is kept of a folder is what is there',
    'src/store/folder/heads.ts',
    'heads.delete(id)\n      if (!doc',
    'if (!doc',
    './folder-log.int: the base of a write',
  ),
  off(
    'G1 what is told is on disk',
    'src/host/api.ts',
    '    await store.flush()\n',
    '',
    './questions.int: are answered with what is on disk',
  ),
  off(
    'F1 marks are numbers of events, not versions',
    send,
    'inc: doc.inc, n: entry.n }',
    'inc: doc.inc, n: doc.version }',
    'duplicates: F1',
  ),
  off('F2 a sequence counts for a whole frame', apply, 'const inbox = t.before?.inbox', 'const inbox = t.draft.inbox', 'duplicates: F2'),
  off(
    'F3 the path depends on the addresses only',
    send,
    'if (target === partition.number)',
    'if (target === partition.number || (partition as unknown as { owned: Map<number, unknown> }).owned.has(target))',
    'order: F3',
  ),
  off(
    'F4 what a timer made stays due until it has arrived',
    commit,
    'wake(draft, !partition.store.atomicTurns && (turn.frameless || before?.wakeAt === 0))',
    'wake(draft, false)',
    'takeover: F4 a timer',
    'takeover: F4 the same',
    'everywhere: a death',
  ),
  off('P12 and not for ever', turn, '  await clearStranded(partition, turn)\n', '', 'takeover: F4 a timer'),
  {
    rule: 'F5 the older first',
    edits: [
      {
        file: turn,
        find: '    turn.touched.add(doc._id)\n    route(partition, turn, cached)\n',
        replace: '    turn.touched.add(doc._id)\n',
      },
      {
        file: commit,
        find: '    route(partition, turn, t.cached)\n  }\n  for (const [item, outcome]',
        replace: `    const old = (n: number) => Number(n <= (t.before?.n ?? 0))
    const outbox = [...t.draft.outbox].sort((one, other) => old(one.n) - old(other.n))
    route(partition, turn, { ...t.cached, doc: { ...t.draft, outbox } })
  }
  for (const [item, outcome]`,
      },
      { file: apply, find: '    if (t.cached) route(partition, turn, t.cached)\n', replace: '' },
    ],
    specs: ['order: F5 a document'],
  },
  off(
    'F5 a frame is named by all that it holds',
    send,
    'id: nameOf(events, uniqueId)',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    'id: `${events[0]!.inc}.${events[0]!.n}`',
    'order: F5 a document',
    'order: F5 an event',
    'everywhere: a death',
  ),
  off(
    'F6 nothing is known delivered before the turn is complete',
    commit,
    'for (const [item, outcome] of t.outcomes) {\n',
    'for (const [item, outcome] of t.outcomes) {\n    if (item.from) partition.cache.delivered(...item.from)\n',
    'order: F6',
    'everywhere: a death',
  ),
  off(
    'F7 each entry at most once a turn',
    send,
    'if (known.has(entry.n) || turn.routed.has(key)) continue',
    'if (known.has(entry.n)) continue',
    'order: F7',
  ),
  off(
    'F8 a refusal is written',
    apply,
    'if (item.claim && outcome.refused.length) return',
    'if (outcome.refused.length || outcome.rejected) return',
    'duplicates: F8',
    'duplicates: P5 what changes nothing',
  ),
  off(
    'F9 a throw is recorded as applied',
    apply,
    '  if (item.claim && outcome.refused.length) return\n',
    `  if (outcome.rejected?.code === 'MACHINE_THREW') {
    const letter = { id: 'threw', to: envelope.to, reason: outcome.rejected, body: envelope, at: 0 }
    return void turn.letters.push({ letter })
  }
  if (item.claim && outcome.refused.length) return
`,
    'duplicates: F9 an event that broke',
  ),
  off(
    'P5 a refusal after the creation is not one of the creation',
    apply,
    '!t.before && !t.changed && outcome.rejected',
    '!t.before && outcome.rejected',
    'duplicates: P5 an event after',
  ),
  off(
    'F10 a publish that fails ends the turn',
    send,
    'await partition.bus.publish(frames)',
    'await partition.bus.publish(frames).catch(() => {})',
    'order: F10 a publish',
  ),
  off('F10 for clients', 'src/sender.ts', 'unsent.unshift(...batch)', 'unsent.push(...batch)', 'order: F10 a client'),
  off(
    'F11 numbers of clients',
    apply,
    'return mark !== undefined && envelope.n! <= mark',
    'return false',
    'duplicates: F11',
    'everywhere: a death',
  ),
  {
    rule: 'F13 marks by incarnation',
    edits: [
      { file: apply, find: 'markOf(t.draft.inbox, envelope.inc)', replace: 'markOf(t.draft.inbox, envelope.from!)' },
      { file: apply, find: 'mark(draft.inbox, envelope.inc,', replace: 'mark(draft.inbox, envelope.from!,' },
    ],
    specs: ['duplicates: F13'],
  },
  off(
    'F14 a commit id for every attempt',
    commit,
    'draft.commit = partition.uniqueId()',
    'draft.commit = ((turn as unknown as { id?: string }).id ??= partition.uniqueId()) + draft._id',
    'duplicates: F14',
  ),
  off('F15 version and commit', 'src/store/match.ts', ' && present.commit === base.commit', '', 'duplicates: F15'),
  off('P2 a write that was not mine is void', commit, 'if (answer === false)', 'if (!mine)', 'everywhere: a host that stands still'),
  off(
    'flow results leave no place',
    apply,
    '  if (sequence !== undefined && !overtook) Object',
    '  if (sequence !== undefined) Object',
    'flow: a result passes by new',
  ),
  off(
    'flow results pass by new work only',
    'src/host/intake.ts',
    '(result.sequence < other.sequence ? result : other)',
    'result',
    'flow: a result passes by nothing',
  ),
  off('flow applied to the oldest', partition, 'oldest > last', '!open.has(last)', 'flow: a stream is applied'),
  off(
    'flow nothing waits behind a cancel',
    'src/host/flow.ts',
    '!plain || (jobs &&',
    '(jobs &&',
    'flow: a burst',
    './flow.unit: all is taken in',
  ),
  off(
    'flow nothing waits for other definitions',
    'src/host/flow.ts',
    '(jobs && job !== definition)',
    'false',
    './flow.unit: all is taken in',
  ),
  off(
    'flow nothing waits that could begin',
    'src/host/flow.ts',
    'if (!moved) isOpen = waiting > 0',
    '',
    './flow.unit: when nothing could be taken in',
  ),
  off('flow nobody waits who has a slot', 'src/host/worker.ts', 'slots.isHeldUp || ', '', 'flow: while a handler takes long'),
  off(
    'flow nothing waits that has a time of its own',
    'src/host/flow.ts',
    '    if (startAt !== undefined || overdueAt !== undefined) return false\n',
    '',
    './flow.unit: only new work of short jobs',
  ),
  off(
    'flow what is added waits for nothing',
    'src/host/flow.ts',
    "event.type === 'submit' && isPlain",
    "event.type !== 'cancel' && isPlain",
    './flow.unit: only new work of short jobs',
  ),
  off('flow as slots become free', 'src/host/flow.ts', "(room && sum('usual') === 0)", 'true', 'flow: a burst'),
  off(
    'P3 sequences by epoch',
    apply,
    '(epoch! < inbox.epoch || (epoch === inbox.epoch && sequence <= inbox.sequence))',
    'sequence <= inbox.sequence',
    'duplicates: P3',
  ),
  off('P4 timers by generation', apply, ' && candidate.generation === timer.generation', '', 'takeover: P4'),
  off('P6 what is delivered is left out', commit, 'if (cached?.known.size)', 'if (!cached)', 'order: P6'),
  {
    rule: 'P7 what is met is sent on',
    edits: [
      {
        file: turn,
        find: '    turn.touched.add(doc._id)\n    route(partition, turn, cached)\n',
        replace: '    turn.touched.add(doc._id)\n',
      },
      { file: apply, find: '    if (t.cached) route(partition, turn, t.cached)\n', replace: '' },
    ],
    specs: ['order: P11', 'order: F6', 'everywhere: a death'],
  },
  off(
    'P11 acknowledged last',
    turn,
    '  await publish(partition, turn).catch(',
    '  partition.acknowledge(collected.sequences)\n  await publish(partition, turn).catch(',
    'order: P11',
    'everywhere: a second death',
  ),
  off('F16 a second scan', dueTimes, '      scanLater(lateWrite, whenTakenOver)\n', '', "takeover: F16 a late owner's timer lands after"),
  off(
    'F16 what is cached may be older',
    dueTimes,
    'if (version > cached) cache.evict(_id)',
    '',
    "takeover: F16 a late owner's timer lands on",
  ),
  off(
    'F16 of open work as well',
    dueTimes,
    'scanLater(lateWrite, whenTakenOver)',
    'scanLater(lateWrite, soon)',
    "takeover: F16 a late owner's grant",
  ),
  off('P13 what a scan has read may be older', dueTimes, 'if (version < cached) continue', '', 'takeover: P13 a scan'),
  off('P13 due times in order', dueTimes, '.sort((a, b) => a.at - b.at)', '', 'takeover: P13 timers'),
  off(
    'P13 a takeover that fails ends',
    partition,
    '    await partition.stop()\n    throw error\n',
    '    throw error\n',
    'takeover: P13 a takeover',
  ),
  off(
    'P14 without its consumer a partition stops',
    partition,
    'lost: (reason) => partition.giveUp(new UnavailableError(reason))',
    'lost: () => {}',
    'takeover: P14 a consumer that is gone stops',
  ),
  off(
    'P14 during the takeover as well',
    partition,
    'if (stopped) throw new',
    'if (!number && !bus) throw new',
    'takeover: P14 a consumer that is gone before',
  ),
  off(
    'F16 what was forgotten is read again',
    apply,
    'if (!wantedBy(partition, item).every(isRead))',
    'if (!partition)',
    'takeover: F16 what a scan forgets after a turn has read',
  ),
  off(
    'F16 what a turn has created is not absent to it',
    commit,
    '    turn.absent.delete(t.address)\n    for',
    '    for',
    'takeover: F16 what a scan forgets after a turn has created',
  ),
  off(
    'F17 an earlier consumer cannot acknowledge',
    'src/bus/embedded/frames.ts',
    'if (partition.consumer === consumer) acknowledge(',
    'acknowledge(',
    'takeover: F17',
  ),
]
