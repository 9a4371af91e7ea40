import { createStreamPair } from "@xenolith/backend-interface";
import { toNanoseconds } from "@xenolith/machine-interface";
import { createKernelExecutor, defineKernel } from "@xenolith/typescript-kernel";
import { createFakeServices } from "../test/fake-services.ts";

// A kernel that says the time every millisecond, three times, and powers off.
const clockwork = defineKernel({
  name: "clockwork",
  start: ({ domain, print, shutdown }) => {
    let ticks = 0;
    const tick = (): void => {
      print(`tick ${++ticks} at ${domain.timers.now()} ns`);
      if (ticks === 3) shutdown("poweroff");
      else domain.timers.at(toNanoseconds(ticks * 1_000_000), tick);
    };
    tick();
  },
});

// On a host the hypervisor provides the services and runs the executor; here a stand-in does.
const services = createFakeServices();
const [console_, terminal] = createStreamPair();
const executor = createKernelExecutor({
  kernel: clockwork,
  services,
  connect: () => ({ store: createStreamPair()[0], console: console_ }),
  commandLine: "",
  onFailure: (error) => console.error(error),
});
for (executor.run(100_000); services.shutdowns.length === 0; executor.run(100_000)) {
  services.setNow(services.timerNs ?? 0);
}

const text = new Uint8Array(1000);
console.log(new TextDecoder().decode(text.subarray(0, terminal.read(text))).trimEnd());
