/** The version of Xen whose interface this is: 4.17. */
export const XEN_VERSION = { major: 4, minor: 17, extra: ".0-xenolith" } as const;

/** Answer of XENVER_version. [XEN version.h] */
export const VERSION_ANSWER: number = (XEN_VERSION.major << 16) | XEN_VERSION.minor;
