export { checkImage, makeImage, scratchFolder } from "./disk-image.ts";
export {
  COMPLAINT,
  createLinuxHost,
  type LinuxDomain,
  type LinuxHost,
  type LinuxOptions,
} from "./linux-host.ts";
