import { embeddedBusSpecs } from './contracts/bus/embedded.ts'
import { embeddedFactory, natsFactory } from './contracts/bus/factories.ts'
import { natsBusSpecs } from './contracts/bus/nats.ts'
import { natsOutageSpecs } from './contracts/bus/nats-outage.ts'
import { busContract } from './contracts/bus.contract.ts'

busContract(embeddedFactory)
embeddedBusSpecs()

const url = process.env.NATS_URL
if (url) {
  busContract(natsFactory(url))
  natsBusSpecs(url)
  natsOutageSpecs()
} else console.log('skipped: bus over NATS (set NATS_URL)')
