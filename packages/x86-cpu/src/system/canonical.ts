export {
  addressOfValue,
  addressOfWords,
  isCanonical,
  isCanonicalRange,
  isCanonicalValue,
  valueOfAddress,
} from "@xenolith/x86-architecture";
