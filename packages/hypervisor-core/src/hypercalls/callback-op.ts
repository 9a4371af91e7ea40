import { EFAULT, EINVAL, ENOSYS } from "@xenolith/xen-abi";
import {
  CALLBACK_REGISTER_32,
  CALLBACK_REGISTER_64,
  CALLBACK_UNREGISTER,
  CALLBACKOP_register,
  CALLBACKOP_unregister,
  CALLBACKTYPE_event,
  CALLBACKTYPE_failsafe,
  CALLBACKTYPE_nmi,
  CALLBACKTYPE_syscall,
} from "@xenolith/xen-abi/callback";
import { XENNMI_CALLBACK, XENNMI_register_callback, XENNMI_unregister_callback } from "@xenolith/xen-abi/nmi";
import {
  __HYPERVISOR_callback_op,
  __HYPERVISOR_nmi_op,
  __HYPERVISOR_set_callbacks,
} from "@xenolith/xen-abi/xen";
import { type CallbackRequest, registerCallback, unregisterCallback } from "./callbacks.ts";
import type { Hypercall, HypercallContext } from "./context.ts";

const readRegister = ({ guest, width }: HypercallContext, at: number): CallbackRequest | null => {
  if (width === "x86_64") {
    const view = guest.read(at, CALLBACK_REGISTER_64.size(width));
    return view && { ...CALLBACK_REGISTER_64.read(view, 0, width), codeSelector: 0 };
  }
  const view = guest.read(at, CALLBACK_REGISTER_32.size(width));
  if (view === null) return null;
  const { type, flags, cs, eip } = CALLBACK_REGISTER_32.read(view, 0, width);
  return { type, flags, codeSelector: cs, address: eip };
};

const readUnregister = ({ guest, width }: HypercallContext, at: number): number | null => {
  const view = guest.read(at, CALLBACK_UNREGISTER.size(width));
  return view && CALLBACK_UNREGISTER.read(view, 0, width).type;
};

/** callback_op(command, argument): registers and unregisters callbacks. [XEN callback.h] */
export const createCallbackOp = (): Hypercall => ({
  number: __HYPERVISOR_callback_op,
  handle(call) {
    const at = call.argument(1);
    switch (call.argument32(0)) {
      case CALLBACKOP_register: {
        const request = readRegister(call, at);
        return request === null ? -EFAULT : registerCallback(call.vcpu, request);
      }
      case CALLBACKOP_unregister: {
        const type = readUnregister(call, at);
        return type === null ? -EFAULT : unregisterCallback(call.vcpu, type);
      }
      default:
        return call.width === "x86_64" ? -ENOSYS : -EINVAL;
    }
  },
});

/**
 * set_callbacks: the older way. 32-bit: (event CS, event EIP, failsafe CS, failsafe EIP); x86_64: (event, failsafe,
 * syscall) addresses. One that is not good is left out; the answer is 0 all the same. [XEN xen.h]
 */
export const createSetCallbacks = (): Hypercall => ({
  number: __HYPERVISOR_set_callbacks,
  handle(call) {
    const flags = 0;
    const is64 = call.width === "x86_64";
    const requests: CallbackRequest[] = is64
      ? [CALLBACKTYPE_event, CALLBACKTYPE_failsafe, CALLBACKTYPE_syscall].map((type, index) => ({
          type,
          flags,
          codeSelector: 0,
          address: call.argument(index),
        }))
      : [CALLBACKTYPE_event, CALLBACKTYPE_failsafe].map((type, index) => ({
          type,
          flags,
          codeSelector: call.argument32(2 * index),
          address: call.argument(2 * index + 1),
        }));
    for (const request of requests) registerCallback(call.vcpu, request);
    return 0;
  },
});

/** nmi_op(command, argument): the NMI callback of the calling VCPU. [XEN nmi.h] */
export const createNmiOp = (): Hypercall => ({
  number: __HYPERVISOR_nmi_op,
  handle(call) {
    const { guest, width, vcpu } = call;
    switch (call.argument32(0)) {
      case XENNMI_register_callback: {
        const view = guest.read(call.argument(1), XENNMI_CALLBACK.size(width));
        if (view === null) return -EFAULT;
        const { handlerAddress } = XENNMI_CALLBACK.read(view, 0, width);
        return registerCallback(vcpu, {
          type: CALLBACKTYPE_nmi,
          flags: 0,
          codeSelector: 0,
          address: handlerAddress,
        });
      }
      case XENNMI_unregister_callback:
        return unregisterCallback(vcpu, CALLBACKTYPE_nmi);
      default:
        return -ENOSYS;
    }
  },
});
