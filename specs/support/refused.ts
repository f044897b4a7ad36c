import * as assert from 'uvu/assert'

/** Must be refused with this code, in such words. */
export async function refused(code: string, message: RegExp, ask: () => unknown): Promise<void> {
  const error = await (async () => ask())().then(
    () => ({ code: 'nothing', message: 'was not refused' }),
    (reason) => reason as { code: string; message: string },
  )
  assert.is(error.code, code)
  assert.match(error.message, message)
}
