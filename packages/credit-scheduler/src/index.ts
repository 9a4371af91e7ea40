export { type CreditOptions, createCreditPool, createCreditScheduler } from "./credit-pool.ts";
export { CREDIT_PARAMETERS, type CreditParameters, DEFAULT_WEIGHT } from "./parameters.ts";
