"""Claims, settlements, receipts and operators' actions: one transaction each."""
