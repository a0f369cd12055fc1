import { SaxesParser } from 'saxes'
import { configFault } from '../runtime/config.js'
import type { ConfigError } from '../runtime/errors.js'

const maxBytes = 16 * 1_048_576
const maxDepth = 32
const maxElements = 200_000
const include = 'http://www.w3.org/2001/XInclude'

/** An element of a schema. */
export interface Element {
  /** Without prefix. */
  readonly name: string
  /** Attributes without a namespace. */
  readonly attributes: ReadonlyMap<string, string>
  /** Attributes of other namespaces, by their names without prefix. */
  readonly foreign: ReadonlyMap<string, string>
  readonly children: readonly Element[]
  /** Its character data, without white space around. */
  readonly text: string
  readonly line: number
  readonly parent: Element | null
}

interface Growing extends Element {
  readonly children: Element[]
  text: string
}

/**
 * Reads a whole document. Entities that it declares itself are not resolved, and nothing is fetched.
 * @throws ConfigError with the line at fault.
 */
export function readXml(xml: string): Element {
  if (typeof xml !== 'string') throw configFault('SBE schema', [], 'must be the text of an XML document')
  if (xml.length > maxBytes) throw configFault('SBE schema', [], `is over ${maxBytes} characters`)
  const parser = new SaxesParser({ xmlns: true })
  const open: Growing[] = []
  let root: Element | null = null
  let elements = 0
  parser.on('error', (error) => {
    throw configFault('SBE schema', [], `is not well-formed: ${error.message}`)
  })
  parser.on('opentag', (tag) => {
    const parent = open.at(-1) ?? null
    const attributes = new Map<string, string>()
    const foreign = new Map<string, string>()
    for (const { local, uri, prefix, value } of Object.values(tag.attributes)) {
      if (prefix === 'xmlns' || (prefix === '' && local === 'xmlns')) continue
      ;(uri === '' ? attributes : foreign).set(local, value.trim())
    }
    const element = { name: tag.local, attributes, foreign, children: [], text: '', line: parser.line, parent }
    if (tag.uri === include) throw fault(element, null, 'is not resolved: give the schema as one document')
    if (open.length === maxDepth || ++elements > maxElements) throw fault(element, null, 'is too much')
    parent?.children.push(element)
    root ??= element
    open.push(element)
  })
  const addText = (text: string): void => {
    const element = open.at(-1)
    if (element !== undefined) element.text += text
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => {
    const element = open.pop()
    if (element !== undefined) element.text = element.text.trim()
  })
  parser.write(xml).close()
  if (root === null) throw configFault('SBE schema', [], 'is empty')
  return root
}

/** An error about an element, or about one of its attributes. */
export function fault(element: Element, attribute: string | null, message: string): ConfigError {
  const path: string[] = attribute === null ? [] : [attribute]
  for (let at: Element | null = element; at !== null && at.parent !== null; at = at.parent) {
    const name = at.attributes.get('name')
    path.unshift(name === undefined ? at.name : `${at.name} ${name}`)
  }
  return configFault('SBE schema', path, `${message} (line ${element.line})`)
}

/** An attribute that must be there. */
export function required(element: Element, attribute: string): string {
  const value = element.attributes.get(attribute)
  if (value === undefined || value === '') throw fault(element, attribute, `<${element.name}> needs it`)
  return value
}

/** An attribute that is an integer within a range, if it is there. */
export function integer(element: Element, attribute: string, min: number, max: number): number | undefined {
  const text = element.attributes.get(attribute)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^-?\d+$/.test(text) || value < min || value > max) {
    throw fault(element, attribute, `must be an integer from ${min} to ${max}`)
  }
  return value
}
