/** Signatures: keys prepared once, the schemes of five venues, and secrets that show themselves to nobody. */

export { ConfigError, type ConfigIssue, TickwireError } from '../runtime/errors.js'
export type { Auth, AuthClock, RequestDraft } from './auth.js'
export { SignError, type SignErrorCode } from './errors.js'
export { type Es256JwtOptions, es256Jwt, type JwtClaims, type JwtSigner } from './es256-jwt.js'
export { type HmacAuthOptions, hmac, type Placement, type SignedParts } from './hmac-auth.js'
export { type HmacDigest, type HmacSigner, type HmacSignerOptions, hmacSigner } from './hmac-signer.js'
export {
  ed25519Signer,
  type KeySigner,
  type KeySignerOptions,
  type PrivateKey,
  type RsaSignerOptions,
  rsaSigner,
} from './key-signer.js'
export { decimalText, encodeQuery, percentEncode, type QueryParams, type QueryValue } from './query.js'
export { Secret } from './secret.js'
export type { SignatureEncoding, Signer } from './signer.js'
export { BinanceAuth, type BinanceAuthOptions } from './venue/binance.js'
export { BybitAuth, type BybitAuthOptions } from './venue/bybit.js'
export { CoinbaseAuth, type CoinbaseAuthOptions } from './venue/coinbase.js'
export { KrakenAuth, type KrakenAuthOptions } from './venue/kraken.js'
export { OkxAuth, type OkxAuthOptions } from './venue/okx.js'
