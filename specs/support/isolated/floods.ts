import type { Context } from '../../../src/index.ts'

/** Says more than anybody can hear: for ever, or as many children as it is told, and waits for none before the last. */
export default async function floods({ children }: { children?: number }, ctx: Context): Promise<unknown> {
  if (children === undefined) for (let part = 0; ; part = (part + 1e-9) % 1) ctx.progress(part)
  const ids = await Promise.all(Array.from({ length: children }, (_, i) => ctx.submit('here', i, { key: `c${i}` })))
  ctx.progress(0.25)
  ctx.progress(1)
  return ids.length
}
