import { existsSync } from 'node:fs'
import type { Needs } from '../../actors/gate.ts'
import type { ChainDefinition } from '../chain/definition.ts'
import { type Clock, systemClock } from '../clock.ts'
import { isJobName } from '../command.ts'
import { type Handler, isJob } from '../definition.ts'
import { quoted, refuse, StellwerkError } from '../errors.ts'
import { checkFields } from '../fields.ts'
import type { ScheduleOptions } from '../schedule.ts'
import type { World } from '../world.ts'
import { type Retention, type RetentionOptions, retentionOf } from './retention.ts'
import { sparingLog } from './sparing-log.ts'

export interface HostOptions {
  /** `embedded('.stellwerk')` or `cluster({ nats, mongo })`. */
  on: World
  handlers?: readonly Handler[]
  /**
   * Pools of the whole deployment, with their capacity: `{ printers: { slots: 4, printer: 2 } }`. Every host that has handlers of jobs in a
   * pool declares it; the newest declaration counts, until an operator resizes the pool.
   */
  pools?: Record<string, Needs>
  /** Housekeeping: how long what has ended is kept. The host that owns an actor applies its own: give all hosts the same. */
  retention?: RetentionOptions
  /** Chains of the whole deployment whose code this host has: it publishes them, and makes the inputs of their steps. */
  chains?: readonly ChainDefinition[]
  /** What starts at its times, or by an event, by id: `{ nightly: { cron: '30 2 * * *', timezone: 'Europe/Zurich', starts: report } }`. */
  schedules?: Record<string, ScheduleOptions>
  /** Handlers that run at once in this host. Default 10. */
  slots?: number
  /** Segments of letters, digits, `_` and `-`, joined by dots. Shown in `why` and in the history of runs; made unique for every start. Default `host`. */
  name?: string
  clock?: Clock
  /** Gets what an operator should see, the same line once a minute. Default: console.error. */
  log?: (message: string) => void
}

/** The same with its defaults. Throws a ValidationError that names the field: nothing was begun. */
export type CheckedOptions = Required<Omit<HostOptions, 'retention'>> & { retention: Retention }

export function checkedOptions(options: HostOptions): CheckedOptions {
  checkFields(options, hostFields, '', 'host')
  const {
    on,
    handlers = [],
    chains = [],
    pools = {},
    schedules = {},
    slots = 10,
    name = 'host',
    clock = systemClock,
    log: told = (message) => console.error(message),
  } = options
  if (typeof on?.connect !== 'function') refuse('on', "must say where: embedded('.stellwerk') or cluster({ nats, mongo })")
  if (typeof told !== 'function') refuse('log', 'must be a function that takes a line: (message) => void')
  for (const part of ['now', 'monotonic', 'at'] as const)
    if (typeof clock?.[part] !== 'function') refuse('clock', `must have a function ${part}: give a virtualClock, or leave it out`)
  // A host may be called as its machine is.
  if (!isJobName(name))
    refuse('name', `${quoted(name)} is not a name of a host. Use segments of letters, digits, "_" and "-", joined by dots, 200 at most.`)
  checkChains(chains)
  checkHandlers(handlers)
  if (!Number.isInteger(slots) || slots < 1) refuse('slots', 'must be a whole number, 1 or more')
  const retention = retentionOf(options.retention)
  return { on, handlers, chains, pools, schedules, slots, name, clock, retention, log: sparingLog(told, clock) }
}

function checkChains(chains: readonly ChainDefinition[]): void {
  if (!Array.isArray(chains)) refuse('chains', 'must be an array of chains')
  for (const [i, chain] of chains.entries()) if (!chain?.makers) refuse(`chains.${i}`, 'is no chain. Make it with defineChain.')
}

const hostFields = ['on', 'handlers', 'pools', 'retention', 'chains', 'schedules', 'slots', 'name', 'clock', 'log']

function checkHandlers(handlers: readonly Handler[]): void {
  if (!Array.isArray(handlers)) refuse('handlers', 'must be an array of handlers')
  for (const [i, handler] of handlers.entries())
    if (!isJob(handler?.definition) || typeof handler.handle !== 'function')
      refuse(`handlers.${i}`, 'is no handler. Make it with job.handler(…).')
}

/** Of the handlers of a host and those of its chains. */
export function checkNames(handlers: readonly Handler[]): void {
  const names = new Set<string>()
  for (const { definition, isolated } of handlers) {
    if (names.has(definition.name)) throw new StellwerkError('CONFLICT', `handlers: there are two for "${definition.name}"`)
    names.add(definition.name)
    if (isolated && !existsSync(new URL(isolated.module)))
      refuse('handlers', `${isolated.module}, the module of "${definition.name}", is not there`)
  }
}
