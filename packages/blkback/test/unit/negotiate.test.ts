import { describe, expect, it } from "vitest";
import { FRONTEND_NODES, type FrontendNode, parseRingOffer } from "../../src/negotiate.ts";

const parse = (nodes: Partial<Record<FrontendNode, string>>): ReturnType<typeof parseRingOffer> => {
  const all = Object.fromEntries(FRONTEND_NODES.map((name) => [name, nodes[name] ?? null]));
  return parseRingOffer(all as Record<FrontendNode, string | null>, "x86_32p");
};

describe("parseRingOffer", () => {
  it("takes a single page from ring-ref, in the front end's own width when no protocol is named", () => {
    expect(parse({ "ring-ref": "8", "event-channel": "3" })).toEqual({
      width: "x86_32p",
      references: [8],
      eventChannel: 3,
      persistent: false,
    });
    expect(parse({ "ring-ref": "8", "event-channel": "3", protocol: "x86_64-abi" })).toMatchObject({
      width: "x86_64",
    });
  });

  it("takes several pages from numbered nodes", () => {
    const nodes = { "ring-page-order": "1", "ring-ref0": "8", "ring-ref1": "9", "event-channel": "3" };
    expect(parse(nodes)).toMatchObject({ references: [8, 9] });
    expect(parse({ ...nodes, "ring-page-order": "0" })).toMatchObject({ references: [8] });
  });

  it("believes that grants are used again only where the front end says so", () => {
    const nodes = { "ring-ref": "8", "event-channel": "3" };
    expect(parse({ ...nodes, "feature-persistent": "1" })).toMatchObject({ persistent: true });
    expect(parse({ ...nodes, "feature-persistent": "0" })).toMatchObject({ persistent: false });
  });

  it.each([
    ["nothing", {}],
    ["no event channel", { "ring-ref": "8" }],
    ["no ring", { "event-channel": "3" }],
    ["an emptied node", { "ring-ref": "", "event-channel": "3" }],
    ["a number that is none", { "ring-ref": "0x8", "event-channel": "3" }],
    ["a number above 32 bits", { "ring-ref": "4294967296", "event-channel": "3" }],
    ["an unknown protocol", { "ring-ref": "8", "event-channel": "3", protocol: "arm-abi" }],
    ["a ring that is too large", { "ring-ref": "8", "event-channel": "3", "ring-page-order": "3" }],
    ["a page missing", { "ring-ref0": "8", "event-channel": "3", "ring-page-order": "1" }],
  ])("says what is wrong with %s", (_what, nodes) => {
    expect(parse(nodes)).toEqual(expect.any(String));
  });
});
