#include <mach/mach.h>
#include <mach/vm_map.h>

#include <cerrno>

#include "base/mirrored_buffer.h"

namespace tickwire {
namespace {

Error error_from_mach(kern_return_t code, const char* what) {
  Error error = error_from_errno(code == KERN_NO_SPACE || code == KERN_RESOURCE_SHORTAGE ? ENOMEM : EINVAL, what);
  error.text += " (mach ";
  error.text += std::to_string(code);
  error.text += ')';
  return error;
}

// Within the own task these calls take 64-bit addresses, as their mach_vm_ namesakes do for any task.
kern_return_t repeat(vm_address_t from, vm_address_t to, size_t bytes) noexcept {
  vm_prot_t current = VM_PROT_NONE;
  vm_prot_t maximum = VM_PROT_NONE;
  vm_address_t target = to;
  return vm_remap(mach_task_self(), &target, bytes, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, mach_task_self(), from,
                  /*copy=*/FALSE, &current, &maximum, VM_INHERIT_NONE);
}

}  // namespace

Result<uint8_t*> MirroredBuffer::map(size_t capacity, size_t tail) {
  vm_address_t base = 0;
  // One allocation reserves the whole range; the second copy and the tail then replace their parts of it.
  kern_return_t code = vm_allocate(mach_task_self(), &base, 2 * capacity + tail, VM_FLAGS_ANYWHERE);
  if (code != KERN_SUCCESS) return error_from_mach(code, "vm_allocate");
  auto* const bytes = reinterpret_cast<uint8_t*>(base);
  code = repeat(base, base + capacity, capacity);
  if (code == KERN_SUCCESS) code = repeat(base, base + 2 * capacity, tail);
  if (code != KERN_SUCCESS) {
    unmap(bytes, capacity, tail);
    return error_from_mach(code, "vm_remap");
  }
  return bytes;
}

void MirroredBuffer::unmap(uint8_t* base, size_t capacity, size_t tail) noexcept {
  // Fails only for a range that was never mapped, which this one was by construction.
  static_cast<void>(vm_deallocate(mach_task_self(), reinterpret_cast<vm_address_t>(base), 2 * capacity + tail));
}

}  // namespace tickwire
