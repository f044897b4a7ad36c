export interface BuildInfo {
  version: string
  versionArray: number[]
  ferretdb?: { version: string }
}

/** One line for the operator; undefined if it is new enough. */
export function tooOld({ version, versionArray, ferretdb }: BuildInfo, name: string): string | undefined {
  if (ferretdb && Number(/\d+/.exec(ferretdb.version)?.[0]) < 2)
    return `FerretDB ${ferretdb.version} at ${name} is too old: 2.0 or newer is needed.`
  if (versionArray[0]! < 5) return `MongoDB ${version} at ${name} is too old: 5.0 or newer is needed.`
  return undefined
}
