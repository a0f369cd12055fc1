// `new addon.BookSet(channel, options)`: order books on a channel, which the feeds of that channel can be given.
#pragma once
#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "addon/tenant_object.h"
#include "decode/decoder.h"
#include "feed/book_set.h"
#include "feed/book_stage.h"

namespace tickwire::addon {

class ChannelObject;

class BookSetObject final : public Napi::ObjectWrap<BookSetObject>, public TenantObject {
 public:
  static Napi::Function define(Napi::Env env);
  explicit BookSetObject(const Napi::CallbackInfo& info);
  ~BookSetObject() override { release(); }
  [[nodiscard]] std::shared_ptr<feed::ChannelTenant> detach() noexcept override;
  // The set, or null once it was given back.
  [[nodiscard]] const std::shared_ptr<feed::BookSet>& books() const noexcept { return books_; }

 private:
  Napi::Value handle(const Napi::CallbackInfo& info);
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value remove(const Napi::CallbackInfo& info);
  Napi::Value expect(const Napi::CallbackInfo& info);
  Napi::Value invalidate(const Napi::CallbackInfo& info);
  Napi::Value seed(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value destroy(const Napi::CallbackInfo& info);
  void release() noexcept;
  template <class Task>
  void post(Task task);

  // Reads fetched snapshots, on JS's thread.
  struct SnapshotReader {
    explicit SnapshotReader(decode::Schema schema);
    std::vector<uint64_t> symbol_memory;
    decode::SymbolTable symbols;
    feed::BookRows rows;
    std::unique_ptr<decode::Decoder> decoder;
    decode::RowBatch batch;
    std::vector<uint8_t> message;  // with the bytes behind it that a decoder may load
  };

  Napi::ObjectReference channel_ref_;
  ChannelObject* channel_ = nullptr;
  std::shared_ptr<feed::BookSet> books_;
  std::unique_ptr<SnapshotReader> snapshots_;
  std::unordered_map<uint32_t, uint16_t> memory_;  // by book: what the channel keeps
  uint16_t handle_ = 0;
};

}  // namespace tickwire::addon
