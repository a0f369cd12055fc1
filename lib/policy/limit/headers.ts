/** The number in a header, −1 when there is none or it is none. */
export function amountOf(header: (name: string) => string | undefined, name: string): number {
  if (name === '') return -1
  const text = header(name)
  if (text === undefined || !/^\d{1,15}(\.\d{1,9})?$/.test(text)) return -1
  return Number(text)
}

const month: Readonly<Record<string, number>> = {
  Jan: 0,
  Feb: 1,
  Mar: 2,
  Apr: 3,
  May: 4,
  Jun: 5,
  Jul: 6,
  Aug: 7,
  Sep: 8,
  Oct: 9,
  Nov: 10,
  Dec: 11,
}

// RFC 9110 section 5.6.7: the one form that is sent, and the two that recipients have to understand.
const imfFixdate = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/
const rfc850Date = /^[A-Z][a-z]+, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/
const asctimeDate = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/

/** Unix milliseconds of an HTTP date, NaN when the text is none. `now` tells the century of dates with two digits for the year. */
export function parseHttpDate(text: string, now: number): number {
  const fixdate = imfFixdate.exec(text)
  if (fixdate !== null) {
    const [, day, name, year, hour, minute, second] = fixdate
    return utc(Number(year), name, day, hour, minute, second)
  }
  const asctime = asctimeDate.exec(text)
  if (asctime !== null) {
    const [, name, day, hour, minute, second, year] = asctime
    return utc(Number(year), name, day, hour, minute, second)
  }
  const rfc850 = rfc850Date.exec(text)
  if (rfc850 === null) return Number.NaN
  const [, day, name, short, hour, minute, second] = rfc850
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + Number(short)
  // What appears to be more than 50 years ahead is the past.
  return utc(year > thisYear + 50 ? year - 100 : year, name, day, hour, minute, second)
}

function utc(
  year: number,
  name: string | undefined,
  day: string | undefined,
  hour: string | undefined,
  minute: string | undefined,
  second: string | undefined,
): number {
  const monthIndex = month[name ?? ''] ?? Number.NaN
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second)]
  // 60: a leap second.
  if (d < 1 || d > 31 || h > 23 || m > 59 || s > 60) return Number.NaN
  return Date.UTC(year, monthIndex, d, h, m, s)
}

/**
 * Milliseconds from `now` (Unix milliseconds on the sender's clock) for which a Retry-After header wants silence: RFC 9110 section
 * 10.2.3, seconds or a date. NaN when there is none or it cannot be read. At most `most`: a header is a stranger's word.
 */
export function parseRetryAfter(text: string | undefined, now: number, most = 259_200_000): number {
  if (text === undefined) return Number.NaN
  const trimmed = text.trim()
  // Fractions are not in the standard, but some venues send them.
  const ms = /^\d{1,12}(\.\d{1,9})?$/.test(trimmed) ? Number(trimmed) * 1_000 : parseHttpDate(trimmed, now) - now
  return Number.isNaN(ms) ? ms : Math.min(most, Math.max(0, ms))
}
