"""A village on one machine: simulated cameras, the recorder, a ready Home Assistant and the volunteers' phones."""
