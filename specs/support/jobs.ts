import { z } from 'zod'
import { defineJob } from '../../src/definition.ts'

/** Attempts without end: whoever is killed again and again still finishes. */
const retry = { attempts: 1000, backoff: 50 }

/** Takes so long; `block`: and before that holds up the event loop, ms; `failFirst`: its first attempt throws; `deaf`: it does not listen to its signal. Its output is the number that it was given. */
export const work = defineJob({
  name: 'work',
  input: z.object({
    ms: z.number(),
    number: z.number(),
    failFirst: z.boolean().optional(),
    deaf: z.boolean().optional(),
    block: z.number().optional(),
  }),
  retry,
})

/** Never twice by itself: one attempt, and held when it is lost. */
export const once = defineJob({ name: 'once', input: z.object({ ms: z.number() }), retry: { attempts: 1 }, onLost: 'hold' })

/** The output of a group: how many of its members succeeded, and the sum of their outputs. */
export const bind = defineJob({
  name: 'bind',
  input: z.object({ ms: z.number() }),
  output: z.object({ members: z.number(), sum: z.number() }),
  retry,
})

/** Its first run lasts so long, deaf to its signal, and then does what it is told to; any later one lasts twice as long and answers its number. */
export const late = defineJob({
  name: 'late',
  input: z.object({ ms: z.number(), act: z.enum(['suspends', 'reports progress', 'submits a child']) }),
  callbacks: { bank: z.unknown() },
  retry,
})
