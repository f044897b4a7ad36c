import { join } from 'node:path'

/** A rule, switched off: what is replaced in which file, and the specs that must fail then (`file: beginning of the test's name`; a file of this folder, or a path from `specs`). */
export interface Mutation {
  rule: string
  edits: readonly Edit[]
  specs: readonly string[]
}

interface Edit {
  file: string
  find: string
  replace: string
}

export function specFile(spec: string): string {
  const name = spec.slice(0, spec.indexOf(': '))
  return name.includes('/') ? join('specs', `${name}.spec.ts`) : `specs/rules/${name}.int.spec.ts`
}

/** How the name of the test begins. */
export const specName = (spec: string): string => spec.slice(spec.indexOf(': ') + 2)

export const off = (rule: string, file: string, find: string, replace: string, ...specs: string[]): Mutation => ({
  rule,
  edits: [{ file, find, replace }],
  specs,
})
