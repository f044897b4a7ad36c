import { type GroupContext, outputKey } from './context.ts'

/** Why a group did not succeed: `2 of 3 members failed, the first of them a: paper jam`, or what its output said. */
export function failure({ members: { counts, total }, firstFailed, outputEnded }: GroupContext): string {
  if (outputEnded) {
    const { state, error } = outputEnded
    return `its ${outputKey} ${state === 'cancelled' ? 'was cancelled' : state}${error ? `: ${error}` : ''}`
  }
  const ofAll = (count: number, how: string) => (count ? [`${count} of ${total} members ${how}`] : [])
  const first = firstFailed && `, the first of them ${firstFailed.key}${firstFailed.error ? `: ${firstFailed.error}` : ''}`
  return [...ofAll(counts.failed, `failed${first ?? ''}`), ...ofAll(counts.cancelled, 'were cancelled')].join('; ')
}
