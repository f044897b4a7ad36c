import { quoted, refuse } from './errors.ts'

/** Milliseconds, or text: '250ms', '30s', '5m', '1h', '2d'. Rounded to whole ms. */
export type Duration = number | string

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** 100 years: a time so far ahead can still be written as a date. */
export const longest = 100 * 366 * 86_400_000

/** In whole ms, to which it is rounded: with fractions, sums of times are not what they should be. Or a ValidationError that names the field. */
export function ms(duration: Duration, field: string): number {
  if (typeof duration === 'number' && duration >= 0 && duration <= longest) return Math.round(duration)
  const [, amount, unit] = (typeof duration === 'string' && /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(duration)) || []
  if (amount && unit && Number(amount) * units[unit]! <= longest) return Math.round(Number(amount) * units[unit]!)
  refuse(field, `${quoted(duration)} is not a duration. Use milliseconds, or text such as '250ms', '30s', '5m'.`)
}
