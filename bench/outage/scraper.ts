import { get } from 'node:http'

/** `scraper.js URL EVERY_MS`: what Prometheus does, oftener. Prints how many pages it got once a second. */
const [, , url = '', every = '100'] = process.argv
let pages = 0

setInterval(() => {
  get(url, (response) => {
    response.resume()
    response.on('end', () => {
      if (response.statusCode === 200) pages += 1
    })
  }).on('error', () => undefined)
}, Number(every))
setInterval(() => console.log(`pages ${pages}`), 1000)
