export { default } from "@xenolith/config/tsup";
