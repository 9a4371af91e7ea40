/** Cost of handing a fault to the guest's kernel. It also lets time pass for a guest that does nothing but fault. */
export const FAULT_COST_NS = 500;
