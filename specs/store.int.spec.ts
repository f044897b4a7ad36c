import { folderFactory, memoryFactory, mongoFactory } from './contracts/store/factories.ts'
import { folderSpecs } from './contracts/store/folder.ts'
import { lockSpecs } from './contracts/store/lock.ts'
import { mongoSpecs } from './contracts/store/mongo.ts'
import { storeContract } from './contracts/store.contract.ts'

storeContract(memoryFactory)
storeContract(folderFactory)
folderSpecs()
lockSpecs()

const url = process.env.MONGODB_URL
if (url) {
  storeContract(mongoFactory(url))
  mongoSpecs(url)
} else console.log('skipped: store in MongoDB (set MONGODB_URL)')
