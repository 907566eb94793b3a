"""Pictures: cameras, light, what surfaces look like, and what an image sensor makes of it; no engine is imported."""

from sim2real_envs.cameras.camera import CAMERAS, Camera
from sim2real_envs.cameras.look import Look
from sim2real_envs.cameras.part import Cameras, Images
from sim2real_envs.cameras.studio import Photographer, Studio

__all__ = ["CAMERAS", "Camera", "Cameras", "Images", "Look", "Photographer", "Studio"]
