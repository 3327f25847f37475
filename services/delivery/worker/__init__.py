"""The worker: claims, renders, calls, settles. ``python -m services.delivery.worker high|low`` runs one."""
