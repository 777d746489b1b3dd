"""What stands in for hardware: drivers for Nova, Neutron and Cinder, and how services are run."""
