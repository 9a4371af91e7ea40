export { type AddressTranslatorOptions, createAddressTranslator } from "./address-translator.ts";
