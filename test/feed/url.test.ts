import { describe, expect, it } from 'vitest'
import { parseEndpoint } from '../../lib/feed/url.js'
import { parseProxy } from '../../lib/runtime/connect-url.js'

const fault = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_TICKWIRE_CONFIG', message: expect.stringMatching(message) })

describe('feed URL', () => {
  it.each([
    ['ws://example.com', { secure: false, host: 'example.com', port: 80, path: '/', hostHeader: 'example.com' }],
    [
      'wss://stream.example.com:9443/ws/btcusdt@bookTicker?a=1&b=%20',
      {
        secure: true,
        host: 'stream.example.com',
        port: 9_443,
        path: '/ws/btcusdt@bookTicker?a=1&b=%20',
        hostHeader: 'stream.example.com:9443',
      },
    ],
    ['wss://example.com:443/x', { secure: true, port: 443, hostHeader: 'example.com' }],
    ['ws://[::1]:8080/', { host: '::1', port: 8_080, hostHeader: '[::1]:8080' }],
    ['wss://BÜCHER.example/', { host: 'xn--bcher-kva.example' }],
    [new URL('ws://127.0.0.1:1/'), { host: '127.0.0.1', port: 1, origin: 'ws://127.0.0.1:1' }],
  ])('%s', (url, expected) => {
    expect(parseEndpoint(url)).toMatchObject(expected)
  })

  it.each([
    ['', /url: is not a valid absolute URL/],
    ['example.com/x', /valid absolute URL|must start with/],
    ['https://example.com', /must start with ws: or wss:, not https:/],
    ['ws://user:pw@example.com', /must not hold credentials/],
    ['ws://user@example.com', /must not hold credentials/],
    ['ws://example.com/#x', /fragment/],
    ['ws://example.com/#', /fragment/],
    ['ws://example.com:0/', /port 0/],
    ['ws://example.com:99999/', /valid absolute URL/],
  ])('refuses %s', (url, message) => {
    expect(() => parseEndpoint(url)).toThrow(fault(message))
  })

  it('repeats no secrets in errors', () => {
    for (const url of ['ws://user:hunter2@example.com', 'nonsense hunter2', 'https://example.com/?key=hunter2']) {
      expect(() => parseEndpoint(url)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
      )
    }
  })
})

describe('proxy URL', () => {
  it.each([
    ['http://proxy:3128', { host: 'proxy', port: 3_128, authorization: '' }],
    ['http://proxy', { host: 'proxy', port: 80, authorization: '' }],
    ['http://[::1]:1/', { host: '::1', port: 1 }],
    ['http://me:p%40ss%3A@proxy:1', { authorization: `Basic ${Buffer.from('me:p@ss:').toString('base64')}` }],
  ])('%s', (url, expected) => {
    expect(parseProxy(url, 'feed options')).toMatchObject(expected)
  })

  it.each([
    ['https://proxy', /must start with http:/],
    ['http://proxy/path', /path/],
    ['http://%zz@proxy', /percent-encoding|valid/],
    ['proxy:3128', /must start with http:|valid/],
  ])('refuses %s', (url, message) => {
    expect(() => parseProxy(url, 'feed options')).toThrow(fault(message))
  })
})
