/** How deep values may be nested in each other: whoever writes or compares JSON goes as deep, and must not run out of stack. */
export const deepest = 200

export function isTooDeep(value: unknown): boolean {
  let level = [value]
  for (let depth = 0; level.length; depth++) {
    if (depth > deepest) return true
    const next: unknown[] = []
    for (const one of level) if (isNest(one)) for (const inner of Object.values(one)) if (isNest(inner)) next.push(inner)
    level = next
  }
  return false
}

const isNest = (value: unknown): value is object => typeof value === 'object' && value !== null
