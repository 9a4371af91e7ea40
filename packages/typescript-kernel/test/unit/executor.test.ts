import { createStreamPair } from "@xenolith/backend-interface";
import { EXIT, HostError, toNanoseconds } from "@xenolith/machine-interface";
import { toDomId } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import {
  createKernelExecutor,
  defineKernel,
  type KernelContext,
  type KernelExecutor,
} from "../../src/index.ts";
import { createFakeServices, type FakeServices, port } from "../fake-services.ts";

const costs = { startNs: 1000, eventNs: 100, timerNs: 50 };

interface Bench {
  readonly services: FakeServices;
  readonly executor: KernelExecutor;
  readonly failures: unknown[];
  /** Reads what was printed so far. */
  readonly printed: () => string;
}

const boot = (start: (context: KernelContext) => void, consoleBytes = 4096): Bench => {
  const services = createFakeServices();
  const [console, consolePeer] = createStreamPair(consoleBytes);
  const [store] = createStreamPair();
  const failures: unknown[] = [];
  const executor = createKernelExecutor({
    kernel: defineKernel({ name: "test", start }),
    services,
    connect: () => ({ store, console }),
    commandLine: "",
    costs,
    onFailure: (error) => failures.push(error),
  });
  const printed = (): string => {
    const buffer = new Uint8Array(consoleBytes);
    return new TextDecoder().decode(buffer.subarray(0, consolePeer.read(buffer)));
  };
  return { services, executor, failures, printed };
};

describe("kernel executor", () => {
  it("starts the kernel once and halts when there is nothing to do", () => {
    let starts = 0;
    const { executor } = boot(() => starts++);
    expect({ ...executor.run(1_000_000) }).toMatchObject({ kind: EXIT.halt, retired: 1000 });
    expect({ ...executor.run(1_000_000) }).toMatchObject({ kind: EXIT.halt, retired: 0 });
    expect(starts).toBe(1);
  });

  it("has alarms of virtual time, which stands still while it waits", () => {
    const fired: number[] = [];
    const { executor, services } = boot(({ domain }) => {
      const { timers } = domain;
      timers.atExecuted(toNanoseconds(3000), () => fired.push(timers.executed()));
      timers.atExecuted(toNanoseconds(2000), () => fired.push(-1))();
      domain.events.listen(port(1), () => domain.charge(toNanoseconds(900)));
    });
    expect({ ...executor.run(1_000_000) }).toMatchObject({ kind: EXIT.halt, retired: 1000 });
    services.setExecuted(1000);
    services.setNow(50_000_000);
    expect(services.timerNs, "nothing wakes it for them").toBeNull();
    for (const executedNs of [2000, 3000]) {
      services.raise(port(1));
      executor.run(1_000_000);
      services.setExecuted(executedNs);
    }
    expect(fired).toEqual([3050]);
  });

  it("an alarm of virtual time that is due when it is set wakes a kernel that waits", () => {
    const { executor, services } = boot(() => {});
    executor.run(1_000_000);
    services.setNow(7000);
    services.setExecuted(1000);
    let fired = 0;
    executor.domain.timers.atExecuted(toNanoseconds(500), () => fired++);
    expect(services.timerNs).toBe(7000);
    executor.run(1_000_000);
    expect(fired).toBe(1);
  });

  it("never uses more than its budget: what a handler costs beyond it is owed by the next runs", () => {
    const { executor, services } = boot(({ domain }) => {
      domain.events.listen(port(1), () => domain.charge(toNanoseconds(2500)));
    });
    executor.run(1000);
    services.raise(port(1));
    const runs = Array.from({ length: 4 }, () => ({ ...executor.run(1000) }));
    expect(runs.map((run) => run.retired)).toEqual([1000, 1000, 600, 0]);
    expect(runs.map((run) => run.kind)).toEqual([EXIT.budget, EXIT.budget, EXIT.halt, EXIT.halt]);
  });

  it("calls a port's listener once for each dispatch and never after the port was closed", () => {
    const calls: number[] = [];
    const { executor, services } = boot(({ domain }) => {
      for (const number of [2, 1]) domain.events.listen(port(number), () => calls.push(number));
    });
    executor.run(10_000);
    for (const number of [2, 1, 1]) services.raise(port(number));
    executor.run(10_000);
    expect(calls).toEqual([1, 2]);
    executor.domain.events.close(port(1));
    services.raise(port(1));
    executor.run(10_000);
    expect(calls).toEqual([1, 2]);
  });

  it("runs alarms in order of their deadlines and asks to be woken for the next", () => {
    const fired: string[] = [];
    const { executor, services } = boot(({ domain }) => {
      domain.timers.at(toNanoseconds(9000), () => fired.push("late"));
      domain.timers.at(toNanoseconds(5000), () => fired.push("early"));
      const cancel = domain.timers.at(toNanoseconds(6000), () => fired.push("cancelled"));
      cancel();
    });
    executor.run(2000);
    expect([fired, services.timerNs]).toEqual([[], 5000]);
    services.setNow(5000);
    executor.run(2000);
    expect([fired, services.timerNs]).toEqual([["early"], 9000]);
    services.setNow(20_000);
    executor.run(2000);
    expect([fired, services.timerNs]).toEqual([["early", "late"], null]);
  });

  it("asks to be woken for an alarm that a part sets between two runs", () => {
    const { executor, services } = boot(() => {});
    executor.run(2000);
    executor.domain.timers.at(toNanoseconds(7000), () => {});
    expect(services.timerNs).toBe(7000);
  });

  it("sees time pass within a run as it charges", () => {
    const seen: number[] = [];
    const { executor, services } = boot(({ domain }) => {
      domain.charge(toNanoseconds(300));
      seen.push(domain.timers.now());
    });
    services.setNow(5000);
    executor.run(10_000);
    expect(seen).toEqual([6300]);
  });

  it("ends the domain as a crash when the kernel throws", () => {
    const { executor, services, failures } = boot(() => {
      throw new Error("boom");
    });
    expect(executor.run(10_000).kind).toBe(EXIT.shutdown);
    expect(services.shutdowns).toEqual(["crash"]);
    expect(String(failures[0])).toContain("boom");
  });

  it("prints lines in order, also when the console is full for a while", () => {
    const { executor, printed } = boot(({ print }) => {
      for (let line = 0; line < 5; line++) print(`line ${line}`);
    }, 16);
    executor.run(10_000);
    let text = "";
    for (let chunk = printed(); chunk !== ""; chunk = printed()) text += chunk;
    expect(text).toBe("line 0\nline 1\nline 2\nline 3\nline 4\n");
  });
});

describe("own pages", () => {
  it("are taken from the domain and given back when released", () => {
    const { executor, services } = boot(() => {});
    const { grants } = executor.domain;
    const pages = grants.allocatePages(3);
    expect(services.framesOut.size).toBe(3);
    expect(grants.allocatePages(3)).toBeNull();
    pages?.release();
    pages?.release();
    expect(services.framesOut.size).toBe(0);
  });

  it("can only be offered by the domain that took them", () => {
    const { executor } = boot(() => {});
    const other = boot(() => {}).executor.domain.grants.allocatePages(1);
    if (other === null) throw new Error("no pages");
    expect(() => executor.domain.grants.offer(other, 0, toDomId(0), true)).toThrow(HostError);
  });
});
