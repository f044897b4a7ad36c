const figures: string[] = []

/** A figure for the report: told when the process ends, so that it stands on a line of its own. */
export function figure(text: string): void {
  if (!figures.length) process.once('exit', () => console.log(figures.map((line) => `# ${line}`).join('\n')))
  figures.push(text)
}
