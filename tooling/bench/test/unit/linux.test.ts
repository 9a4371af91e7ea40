import { describe, expect, it } from "vitest";
import { linuxTable, ratioToQemu } from "../../src/linux/report.ts";
import { PHASES, SESSION_LINE, type Session, watchSession } from "../../src/linux/session.ts";

const BOOT = "[    0.000000] Linux version 6.1\r\n[    0.1] Run /init as init process\r\n/ # ";
const MD5 = "b5cfa9d6c8febd618f91ac2843d50a1c  -\r\n";

describe("a session", () => {
  it("takes each phase from where the one before it ended, and boots from the process's start", () => {
    const watch = watchSession();
    watch.feed(BOOT.slice(0, 40), 100);
    watch.feed(BOOT.slice(40), 900);
    expect(watch.isAtShell).toBe(true);
    watch.feed(`${SESSION_LINE}\r\nmark0\r\n`, 1000);
    watch.feed("mark1 20000\r\n", 1300);
    watch.feed("mark2 120\r\n", 2300);
    expect(watch.isOver).toBe(false);
    watch.feed(`${MD5}mark3\r\n`, 2400);
    expect(watch.session).toEqual({
      ms: { kernel: 100, boot: 900, loop: 300, forks: 1000, md5: 100 },
      isComplete: true,
    });
    expect(watch.isOver).toBe(true);
  });

  it("does not take the echo of the line for its marks, however it is broken", () => {
    const watch = watchSession();
    watch.feed(`${BOOT}${SESSION_LINE.replaceAll("echo ", "echo \r\n")}\r\n`, 1);
    expect(watch.isOver).toBe(false);
    expect(watch.session.ms.loop).toBeNaN();
  });

  it("is not complete when what it wrote is wrong", () => {
    const watch = watchSession();
    watch.feed(`${BOOT}\r\nmark0\r\nmark1 20000\r\nmark2 119\r\n${MD5}mark3\r\n`, 1);
    expect([watch.isOver, watch.session.isComplete]).toEqual([true, false]);
  });
});

describe("the report", () => {
  const session = (ms: number): Session => ({
    ms: Object.fromEntries(PHASES.map((phase) => [phase, ms])) as Session["ms"],
    isComplete: true,
  });

  it("takes ratios within a round, and says what was kept", () => {
    const rounds = new Map([
      ["qemu", [session(1000), session(3000), session(1000)]],
      ["xenolith", [session(1500), session(4500), session(9000)]],
    ]);
    expect(ratioToQemu(rounds, "xenolith", "boot")).toBe(1.5);
    const row = linuxTable(rounds).find((line) => line.includes("to the shell"));
    expect(row).toMatch(/1\.00 \|\s+4\.50 \|\s+1\.50 \|\s+kept: at most 2/);
    const slower = new Map([...rounds, ["xenolith", [session(2001), session(6003), session(2001)]]]);
    expect(linuxTable(slower).find((line) => line.includes("to the shell"))).toContain("MISSED");
  });

  it("leaves open what there is nothing to compare with", () => {
    const [, , row] = linuxTable(new Map([["xenolith", [session(1)]]]));
    expect(row).toMatch(/-\s*\|$/);
  });
});
