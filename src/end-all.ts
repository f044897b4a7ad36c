/** Ends one after the other, all of them whatever happens: what fails first is what is told. */
export async function endAll(ends: readonly (() => unknown)[]): Promise<void> {
  const errors: unknown[] = []
  for (const end of ends) {
    try {
      await end()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length) throw errors[0]
}
