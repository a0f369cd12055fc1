import { BucketMeter } from './bucket-meter.js'
import { FixedMeter } from './fixed-meter.js'
import type { Cells, Meter } from './meter.js'
import type { MeterSpec } from './meter-spec.js'
import { SlidingMeter } from './sliding-meter.js'

/** How many numbers a meter keeps. */
export function meterWords(spec: MeterSpec): number {
  if (spec.kind === 'bucket') return BucketMeter.words
  return spec.kind === 'fixed' ? FixedMeter.words : SlidingMeter.words(spec)
}

/** Two meters with the same layout understand each other's cells. */
export function meterLayout(spec: MeterSpec): string {
  if (spec.kind === 'bucket') return 'bucket'
  return spec.kind === 'fixed' ? `fixed-${spec.window}` : `sliding-${spec.entries}`
}

/** A meter on cells of {@link meterWords} numbers, which may hold what an earlier one of the same layout counted. */
export function makeMeter(spec: MeterSpec, cells: Cells): Meter {
  if (spec.kind === 'bucket') return new BucketMeter(spec, cells)
  return spec.kind === 'fixed' ? new FixedMeter(spec, cells) : new SlidingMeter(spec, cells)
}
