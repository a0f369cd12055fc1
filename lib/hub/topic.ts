import type { PublishOptions } from './options.js'
import type { HubMessage } from './topic-options.js'

/** What {@link Topic} asks of its hub. */
export interface TopicOwner {
  publish(topic: number, message: HubMessage, options: PublishOptions | undefined): boolean
  publishAll(topic: number, messages: readonly HubMessage[], options: PublishOptions | undefined): number
}

/** One stream of messages, numbered from 1. Made by `hub.topic(name)`. */
export class Topic {
  readonly name: string
  /** The topic's number in the wire format. */
  readonly id: number
  readonly #owner: TopicOwner

  /** @internal */
  constructor(owner: TopicOwner, name: string, id: number) {
    this.#owner = owner
    this.name = name
    this.id = id
  }

  /**
   * Sends a message to all who subscribed.
   * @returns false when the hub is overloaded: nothing was published, `drain` says when to go on.
   * @throws TickwireError `ERR_HUB_MESSAGE_TOO_LARGE`, `ERR_HUB_KEY_LIMIT`, `ERR_HUB_CLOSING`. EncodeError for a typed message with a
   * value that cannot be represented. TypeError for what is no message.
   */
  publish(message: HubMessage, options?: PublishOptions): boolean {
    return this.#owner.publish(this.id, message, options)
  }

  /** Publishes several messages with one call. Returns how many were taken, in order. @throws as `publish`, when none was. */
  publishAll(messages: readonly HubMessage[], options?: PublishOptions): number {
    return this.#owner.publishAll(this.id, messages, options)
  }
}
