import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

/** The zone of the host counts nowhere: the specs of calendars and times hold in each. */
const zones = suite('calendars and times are the same in every zone of the host: C1')
const run = promisify(execFile)

for (const TZ of ['Pacific/Apia', 'America/New_York', 'Asia/Kathmandu'])
  for (const spec of ['calendar', 'times'])
    zones(`${spec} in ${TZ}`, async () => {
      const file = join(import.meta.dirname, `${spec}.unit.spec.ts`)
      const { stdout } = await run(process.execPath, ['--import', 'tsx', file], { env: { ...process.env, TZ, NO_COLOR: '1' } })
      assert.match(stdout, /Passed: +\d/)
    })
zones.run()
