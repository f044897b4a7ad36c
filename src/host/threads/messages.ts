import type { Context, MemberResult } from '../../definition.ts'
import type { SuspendOptions } from '../../suspend.ts'
import { errorOf } from '../thrown.ts'
import type { SharedProgress } from './progress.ts'

/** What a thread gets to run a handler: plain data, and a port for all that happens meanwhile. */
export interface Task {
  module: string
  input: unknown
  progress: SharedProgress
  ctx: Pick<Context, 'id' | 'idempotencyKey' | 'key' | 'attempt' | 'run' | 'callbacks' | 'state' | 'round'> & {
    group?: Omit<NonNullable<Context['group']>, 'members'>
  }
}

export interface Failure {
  name: string
  message: string
  code?: string
  stack?: string
  /** Of a RetryAt. */
  at?: number
}

/** `output`: as it will be kept. `told`: it threw the reason of its signal, or what an aborted call made of that. */
export type Came = { output: unknown } | { suspend: SuspendOptions } | { told: true } | { failed: Failure }

/** `n`: of the question. */
export type ToThread =
  | { type: 'submitted'; n: number; id?: string; failed?: Failure }
  | { type: 'abort'; reason: Failure }
  | { type: 'members'; members: MemberResult[]; done: boolean; failed?: Failure }
export type FromThread =
  | { type: 'progress' }
  | { type: 'members' }
  | { type: 'submit'; n: number; job: string; input: unknown; key: string }

export function failureOf(error: unknown): Failure {
  const { at } = (error ?? {}) as { at?: unknown }
  return { ...errorOf(error), ...(typeof at === 'number' && { at }) }
}

export const errorFrom = ({ message, ...facts }: Failure): Error => Object.assign(new Error(message), facts)
