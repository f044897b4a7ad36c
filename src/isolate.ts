import { fileURLToPath } from 'node:url'
import { type Duration, ms } from './duration.ts'
import { refuse } from './errors.ts'
import { checkFields } from './fields.ts'

/**
 * A handler that lives in a module of its own and runs in a thread. What may have to be ended by force belongs there: where the handler of
 * this thread could only be waited for, a thread is terminated.
 */
export interface IsolateOptions {
  isolate: 'thread'
  /**
   * From the moment at which `ctx.signal` has told it to end (timeout, cancel, superseded) until its thread is terminated. Default 5 s.
   * At a shutdown the `grace` of `host.stop` counts.
   */
  grace?: Duration
}

export interface Isolated {
  /** `file:` URL of the module whose default export is the handler. */
  module: string
  /** ms */
  grace: number
}

/** What is not a module that a thread can load is refused where it is said. */
export function isolatedOf(module: unknown, options: IsolateOptions): Isolated {
  checkFields(options, ['isolate', 'grace'], '', 'options')
  const { isolate, grace = '5s' } = options
  if (isolate !== 'thread') refuse('isolate', "must be 'thread'")
  const href = module instanceof URL ? module.href : module
  if (typeof href !== 'string' || !href.startsWith('file:'))
    refuse(
      'handler',
      "a thread loads its handler from a module: give its URL, new URL('./render.js', import.meta.url), whose default export it is",
    )
  fileURLToPath(href)
  return { module: href, grace: ms(grace, 'grace') }
}
