/** tickwire/sbe: rows out of SBE messages, by their schema. */

export type { SbeDecoder } from '../feed/decoder.js'
export type {
  SbeField,
  SbeFieldOptions,
  SbeFields,
  SbeInt64Options,
  SbeLevelsOptions,
  SbeNumberOptions,
  SbeTextOptions,
} from './field.js'
export type { Sbe, SbeOptions, SbeProjection, SbeShape, SbeShapes } from './sbe.js'
export { sbe } from './sbe.js'
