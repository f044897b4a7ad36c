import { embeddedBusSpecs } from './contracts/bus/embedded.ts'
import { embeddedFactory, folderRecordsFactory, natsFactory } from './contracts/bus/factories.ts'
import { natsBusSpecs } from './contracts/bus/nats.ts'
import { natsOutageSpecs } from './contracts/bus/nats-outage.ts'
import { recordSpecs } from './contracts/bus/records.ts'
import { busContract } from './contracts/bus.contract.ts'

busContract(embeddedFactory)
recordSpecs(folderRecordsFactory)
embeddedBusSpecs()

const url = process.env.NATS_URL
if (url) {
  busContract(natsFactory(url))
  natsBusSpecs(url)
  natsOutageSpecs()
} else console.log('skipped: bus over NATS (set NATS_URL)')
